// Several tabs that do the same thing at the same moment.

import type { Shop } from './shop.ts'

/** The result of one request: its status, or the error with which it was rejected. */
export type Outcome = number | string

type Command = { readonly type: 'expire' } | { readonly type: 'burst'; readonly count: number; readonly item: number }

/**
 * Several tabs of one browser that execute a command at the same moment. WebDriver controls one tab at a time. So it gives
 * the command to the first tab, which sends the command to all tabs over a BroadcastChannel.
 */
export class TabGroup {
  readonly #shops: readonly Shop[]

  static async of(shops: readonly Shop[]): Promise<TabGroup> {
    for (const { tab } of shops) {
      await tab.evaluate(() => {
        const results = new BroadcastChannel('results')
        const outcome = (request: Promise<Response>) => request.then(({ status }) => status, String)
        const sessionIsActive = () =>
          new Promise<void>((resolve) => {
            const look = () => {
              if (window.guestpass.getSnapshot().status !== 'active') return
              stop()
              resolve()
            }
            const stop = window.guestpass.subscribe(look)
            look()
          })
        new BroadcastChannel('commands').onmessage = async ({ data: command }: MessageEvent<Command>) => {
          if (command.type === 'expire') {
            window.guestpass.expire()
            results.postMessage([])
            return
          }
          const { count, item } = command
          const body = JSON.stringify({ add: { quantity: 1 } })
          const headers = { 'Content-Type': 'application/json' }
          const requests = Array.from({ length: count - 1 }, () => window.guestpass.fetch('/items/'))
          requests.push(window.guestpass.fetch(`/me/cart/${item}`, { method: 'POST', headers, body }))
          const outcomes = await Promise.all(requests.map(outcome))
          await sessionIsActive()
          results.postMessage(outcomes)
        }
      })
    }
    return new TabGroup(shops)
  }

  private constructor(shops: readonly Shop[]) {
    this.#shops = shops
  }

  /** Makes the session of each tab treat its access token as expired. */
  async expire(): Promise<void> {
    await this.#execute({ type: 'expire' })
  }

  /**
   * Sends `count` concurrent requests from each tab; one of them adds `item` to the cart. Resolves with the outcomes of all
   * requests when no tab is refreshing any more.
   */
  burst(count: number, item: number): Promise<Outcome[]> {
    return this.#execute({ type: 'burst', count, item })
  }

  async #execute(command: Command): Promise<Outcome[]> {
    const [first] = this.#shops
    if (!first) throw new Error('the group has no tabs')
    return first.tab.evaluate(
      (command, tabs) =>
        new Promise<Outcome[]>((resolve) => {
          const [commands, results] = [new BroadcastChannel('commands'), new BroadcastChannel('results')]
          const outcomes: Outcome[][] = []
          results.onmessage = ({ data }) => {
            if (outcomes.push(data) < tabs) return
            commands.close()
            results.close()
            resolve(outcomes.flat())
          }
          commands.postMessage(command)
        }),
      command,
      this.#shops.length,
    )
  }
}
