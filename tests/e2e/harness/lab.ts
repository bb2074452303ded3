import { expect } from 'vitest'
import type { Visitor } from './scene.ts'
import type { Shop } from './shop.ts'

/** What a shop of the lab has cost its visitor. */
export interface Counters {
  readonly guests: number
  readonly logins: number
  readonly refreshes: number
  readonly failed: number
  readonly carts: number
}

/** The lab of the demo, with its two shops side by side. */
export class Lab {
  readonly shop: Shop

  private constructor(shop: Shop) {
    this.shop = shop
  }

  /** Opens the lab in a new tab, and waits until both shops have their visitor. */
  static async openedBy(visitor: Visitor): Promise<Lab> {
    const lab = new Lab(await visitor.startsToOpen())
    for (const shop of ['guestpass', 'classic'] as const) {
      await expect.poll(() => lab.counters(shop), { message: shop }).toMatchObject({ guests: 1, logins: 1 })
    }
    await lab.atRest()
    return lab
  }

  /** Presses the button of a fault and waits for the verdict; hands back what is said of it. */
  async strike(fault: string): Promise<string> {
    await this.shop.tab.click(`strike-${fault}`)
    await this.#judged(fault)
    return (await this.shop.tab.text(`fault-${fault}`)) ?? ''
  }

  /** Whether Guestpass has kept its promise. */
  held(fault: string): Promise<boolean> {
    return this.shop.tab.evaluate(
      (fault) => document.querySelector<HTMLElement>(`[data-testid="fault-${fault}"]`)?.dataset.held === 'true',
      fault,
    )
  }

  counters(shop: 'guestpass' | 'classic'): Promise<Counters> {
    return this.shop.tab.evaluate((shop) => {
      const names = ['guests', 'logins', 'refreshes', 'failed', 'carts']
      const read = (name: string) => {
        const text = document.querySelector(`[data-testid="${shop}-${name}"]`)?.textContent
        return [name, text ? Number(text) : null]
      }
      return Object.fromEntries(names.map(read))
    }, shop)
  }

  /** The tabs that have a lane in the timeline. */
  lanes(): Promise<number> {
    return this.shop.tab.evaluate(() => document.querySelectorAll('[data-testid="lanes"] .lane').length)
  }

  /** Everything that the page shows. */
  words(): Promise<string> {
    return this.shop.tab.evaluate(() => document.body.textContent ?? '')
  }

  /** Waits until nothing is being broken. */
  async atRest(): Promise<void> {
    const resting = () =>
      this.shop.tab.evaluate(
        () => document.querySelector<HTMLButtonElement>('[data-testid="run-all"]')?.disabled === false,
      )
    await expect.poll(resting, { message: 'the lab is at rest', timeout: 60_000 }).toBe(true)
  }

  async #judged(fault: string): Promise<void> {
    const judged = () =>
      this.shop.tab.evaluate(
        (fault) => document.querySelector<HTMLElement>(`[data-testid="fault-${fault}"]`)?.dataset.held !== undefined,
        fault,
      )
    await expect.poll(judged, { message: `a verdict on ${fault}`, timeout: 60_000 }).toBe(true)
    await this.atRest()
  }
}
