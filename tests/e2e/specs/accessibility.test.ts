// Accessibility: axe finds no violation on any page, in both colour schemes; the shop can be used by keyboard alone.

import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import { expect, test } from 'vitest'
import { fixture } from '../harness/fixture.ts'
import type { Shop } from '../harness/shop.ts'

declare global {
  interface Window {
    axe: { run(context: Document, options: object): Promise<AxeResults> }
  }
}

const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

for (const theme of ['light', 'dark']) {
  test(
    `axe finds no violation on any page, in the ${theme} colour scheme`,
    fixture({ program: 'guestpass-demo' }, async ({ visitor }) => {
      const shop = await visitor.open()
      await shop.add(1)
      await shop.waitForCart(1)
      await shop.tab.click('nav-account')
      await shop.tab.click(`choose-${theme}`)
      await expect.poll(() => shop.tab.evaluate(() => document.documentElement.dataset.theme)).toBe(theme)
      expect(await violations(shop)).toEqual([])

      await shop.tab.click('sign-up')
      await expect.poll(() => shop.tab.text('membership')).not.toBeNull()
      expect(await violations(shop)).toEqual([])
      await shop.tab.press('Escape')
      await shop.tab.click('erase')
      await expect.poll(() => shop.tab.text('erase-confirm')).not.toBeNull()
      expect(await violations(shop)).toEqual([])
      await shop.tab.press('Escape')

      await shop.tab.click('nav-shop')
      await expect.poll(() => shop.tab.text('item-1')).not.toBeNull()
      expect(await violations(shop)).toEqual([])
      await shop.tab.type('search', 'honey')
      await shop.tab.press('Enter')
      await shop.tab.click('clear-search')
      await expect.poll(() => shop.tab.text('search-honey')).not.toBeNull()
      expect(await violations(shop)).toEqual([])
      await shop.tab.press('Escape')
      await shop.tab.click('open-cart')
      await expect.poll(() => shop.tab.text('cart-total')).not.toBeNull()
      expect(await violations(shop)).toEqual([])
      await shop.tab.press('Escape')

      await shop.tab.click('open-5')
      await expect.poll(() => shop.tab.text('note')).not.toBeNull()
      expect(await violations(shop)).toEqual([])
      for (const page of ['favorites', 'history']) {
        await shop.tab.click(`nav-${page}`)
        await expect.poll(() => shop.tab.text(`nav-${page}`)).not.toBeNull()
        expect(await violations(shop)).toEqual([])
      }

      await shop.tab.click('nav-lab')
      await shop.tab.click('strike-expire')
      await expect.poll(() => shop.tab.text('fault-expire')).toContain('As promised')
      await shop.tab.click('merge-run')
      await expect.poll(() => shop.tab.text('merge-merged'), { timeout: 30_000 }).not.toBeNull()
      expect(await violations(shop)).toEqual([])
    }),
  )
}

test(
  'a visitor can search, add an item and change its quantity by keyboard; closing the cart restores the focus',
  fixture({}, async ({ visitor }) => {
    const shop = await visitor.open()
    await shop.tab.reach('search')
    await shop.tab.type('search', 'honey')
    await expect.poll(() => shop.tab.text('item-1')).toBeNull()
    await shop.tab.reach('add-4')
    await shop.tab.press('Enter')
    await shop.waitForCart(1)

    await shop.tab.reach('open-cart', 'Shift+Tab')
    await shop.tab.press('Enter')
    await shop.tab.reach('cart-plus-4')
    await shop.tab.press('Enter')
    await shop.waitForCart(2)
    await shop.tab.press('Escape')

    await expect.poll(() => shop.tab.text('cart-total')).toBeNull()
    await expect.poll(() => shop.tab.focusedTestId()).toBe('open-cart')
  }),
)

/** The violations that axe finds on the page, one line for each. */
async function violations(shop: Shop): Promise<string[]> {
  await shop.tab.run(source)
  return shop.tab.evaluate(async () => {
    // axe measures colours after the animations.
    await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => {})))
    const { violations } = await window.axe.run(document, { resultTypes: ['violations'] })
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    )
  })
}
