import type { Shop } from './shop.ts'

/** What became of one request: its status, or the error that it was rejected with. */
export type Outcome = number | string

type Cue = { readonly act: 'expire' } | { readonly act: 'burst'; readonly count: number; readonly item: number }

/**
 * Tabs that act at one moment. The driver can only be turned to one tab at a time, so it tells one, and that one tells
 * the others.
 */
export class Chorus {
  readonly #shops: readonly Shop[]

  static async of(shops: readonly Shop[]): Promise<Chorus> {
    for (const { tab } of shops) {
      await tab.evaluate(() => {
        const results = new BroadcastChannel('results')
        const outcome = (request: Promise<Response>) => request.then(({ status }) => status, String)
        const rested = () =>
          new Promise<void>((resolve) => {
            const look = () => {
              if (window.guestpass.getSnapshot().status !== 'active') return
              stop()
              resolve()
            }
            const stop = window.guestpass.subscribe(look)
            look()
          })
        new BroadcastChannel('cues').onmessage = async ({ data: cue }: MessageEvent<Cue>) => {
          if (cue.act === 'expire') {
            window.guestpass.expire()
            results.postMessage([])
            return
          }
          const { count, item } = cue
          const body = JSON.stringify({ item_id: item, quantity: 1 })
          const headers = { 'Content-Type': 'application/json' }
          const requests = Array.from({ length: count - 1 }, () => window.guestpass.fetch('/items/'))
          requests.push(window.guestpass.fetch('/me/cart', { method: 'POST', headers, body }))
          const outcomes = await Promise.all(requests.map(outcome))
          await rested()
          results.postMessage(outcomes)
        }
      })
    }
    return new Chorus(shops)
  }

  private constructor(shops: readonly Shop[]) {
    this.#shops = shops
  }

  /** Lets every tab believe that its access token has expired. */
  async expire(): Promise<void> {
    await this.#perform({ act: 'expire' })
  }

  /**
   * In every tab at once, so many requests at once, one of which adds an item to the cart. Resolves with all outcomes,
   * once no tab has a refresh under way.
   */
  burst(count: number, item: number): Promise<Outcome[]> {
    return this.#perform({ act: 'burst', count, item })
  }

  async #perform(cue: Cue): Promise<Outcome[]> {
    const [conductor] = this.#shops
    if (!conductor) throw new Error('a chorus of nobody')
    return conductor.tab.evaluate(
      (cue, count) =>
        new Promise<Outcome[]>((resolve) => {
          const [cues, results] = [new BroadcastChannel('cues'), new BroadcastChannel('results')]
          const outcomes: Outcome[][] = []
          results.onmessage = ({ data }) => {
            if (outcomes.push(data) < count) return
            cues.close()
            results.close()
            resolve(outcomes.flat())
          }
          cues.postMessage(cue)
        }),
      cue,
      this.#shops.length,
    )
  }
}
