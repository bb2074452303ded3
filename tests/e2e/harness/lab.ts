// The page "lab" of the demo, for tests.

import { expect } from 'vitest'
import type { Visitor } from './fixture.ts'
import type { Shop } from './shop.ts'

/** The counters that the lab shows for one of its shops. */
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

  /** Opens the lab in a new tab, and waits until both shops have a guest. */
  static async openFor(visitor: Visitor): Promise<Lab> {
    const lab = new Lab(await visitor.openWithoutGuest())
    for (const shop of ['guestpass', 'classic'] as const) {
      await expect.poll(() => lab.counters(shop), { message: shop }).toMatchObject({ guests: 1, logins: 1 })
    }
    await lab.waitUntilIdle()
    return lab
  }

  /** Presses the button of a fault, and waits for the result. Resolves with the text of the result. */
  async inject(fault: string): Promise<string> {
    await this.shop.tab.click(`strike-${fault}`)
    await this.#resultOf(fault)
    return (await this.shop.tab.text(`fault-${fault}`)) ?? ''
  }

  /** Whether the lab shows that Guestpass has kept its promise under this fault. */
  promiseKept(fault: string): Promise<boolean> {
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

  /** How many tabs have a lane in the timeline. */
  lanes(): Promise<number> {
    return this.shop.tab.evaluate(() => document.querySelectorAll('[data-testid="lanes"] .lane').length)
  }

  /** All text of the page. */
  text(): Promise<string> {
    return this.shop.tab.evaluate(() => document.body.textContent ?? '')
  }

  /** Waits until no fault is being injected. */
  async waitUntilIdle(): Promise<void> {
    const isIdle = () =>
      this.shop.tab.evaluate(
        () => document.querySelector<HTMLButtonElement>('[data-testid="run-all"]')?.disabled === false,
      )
    await expect.poll(isIdle, { message: 'the lab is idle', timeout: 60_000 }).toBe(true)
  }

  async #resultOf(fault: string): Promise<void> {
    const hasResult = () =>
      this.shop.tab.evaluate(
        (fault) => document.querySelector<HTMLElement>(`[data-testid="fault-${fault}"]`)?.dataset.held !== undefined,
        fault,
      )
    await expect.poll(hasResult, { message: `a result of ${fault}`, timeout: 60_000 }).toBe(true)
    await this.waitUntilIdle()
  }
}
