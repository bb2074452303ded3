// The shop: search, favourites, history, cart, preferences, export and erasure.

import { expect, test } from 'vitest'
import { unavailable } from '../harness/faults.ts'
import { faultyFixture, fixture } from '../harness/fixture.ts'
import type { Shop } from '../harness/shop.ts'

test(
  'a search shows the matching items, survives a reload, and says when it finds nothing',
  fixture({}, async ({ visitor }) => {
    const shop = await visitor.open()
    await shop.tab.type('search', 'honey')
    await expect.poll(() => shownItems(shop)).toEqual(['item-4', 'item-8'])

    await shop.tab.reload()
    await expect.poll(() => shownItems(shop)).toEqual(['item-4', 'item-8'])

    await shop.tab.type('search', 'submarine')
    await expect.poll(() => shop.tab.text('nothing-found')).toContain('submarine')
  }),
)

test(
  'C19 favourites and history of a guest are kept over a reload and an expired token',
  fixture({}, async ({ visitor, server }) => {
    const shop = await visitor.open()
    const guest = await shop.waitUntilActive()
    await shop.tab.click('favorite-5')
    await shop.tab.click('open-7')
    await expect.poll(() => shop.tab.text('detail')).toContain('Fountain pen')
    await expect.poll(() => shop.entriesAtServer('history')).toEqual([{ key: '7', value: {} }])

    await shop.expire()
    await shop.tab.reload()

    await expect.poll(() => shop.tab.text('detail')).toContain('Fountain pen')
    await shop.tab.click('nav-history')
    await expect.poll(() => shop.tab.text('history')).toContain('Fountain pen')
    await shop.tab.click('nav-favorites')
    await expect.poll(() => shownItems(shop)).toEqual(['item-5'])
    await shop.tab.click('nav-shop')
    await expect.poll(() => shop.tab.text('recommended')).not.toBeNull()
    expect(await shop.waitUntilActive()).toBe(guest)
    expect(await server.guests()).toEqual([guest])
  }),
)

test(
  'a favourite that the server does not store is shown as none again',
  faultyFixture({}, async ({ visitor, proxy }) => {
    const shop = await visitor.open()
    proxy.inject('PUT /me/favorites/5', unavailable)

    await shop.tab.click('favorite-5')

    await expect.poll(() => proxy.requestsOf('PUT /me/favorites/5').length).toBe(1)
    await expect.poll(() => attribute(shop, 'favorite-5', 'aria-pressed')).toBe('false')
  }),
)

test(
  'an item that the server does not store disappears from the cart on the page, with an error',
  faultyFixture({}, async ({ visitor, proxy }) => {
    const shop = await visitor.open()
    await shop.add(1)
    await shop.waitForCart(1)
    proxy.inject('POST /me/cart/2', unavailable)

    await shop.add(2)
    await expect.poll(() => shop.tab.text('cart-count')).toBe('2')

    await expect.poll(() => shop.tab.text('cart-count')).toBe('1')
    await shop.tab.click('open-cart')
    await expect.poll(() => shop.tab.text('cart-problem')).toMatch(/\w/)
    proxy.removeFaults()
    await shop.tab.click('cart-plus-1')
    await shop.waitForCart(2)
    expect(await shop.tab.text('cart-problem')).toBeNull()
  }),
)

test(
  'a visitor can change each line of the cart, and another tab shows the change',
  fixture({}, async ({ visitor }) => {
    const one = await visitor.open()
    const other = await visitor.open()
    await one.add(1)
    await one.add(8)
    await one.waitForCart(2)
    await expect.poll(() => other.tab.text('cart-count')).toBe('2')

    await one.tab.click('open-cart')
    await one.tab.click('cart-plus-1')
    await one.waitForCart(3)
    await one.tab.click('cart-minus-8')
    await one.waitForCart(2)
    await one.tab.click('cart-remove-1')
    await one.waitForCart(0)
    await expect.poll(() => other.tab.text('cart-count')).toBe('0')
  }),
)

test(
  'language, appearance and currency of a guest are kept, and apply before the page is drawn',
  fixture({ page: '/account' }, async ({ visitor, server }) => {
    const shop = await visitor.openWithoutGuest()
    await shop.waitUntilActive()
    for (const choice of ['zh', 'dark', 'CNY']) await shop.tab.click(`choose-${choice}`)
    await expect
      .poll(() => server.query(`SELECT key, value FROM entry WHERE collection = 'preferences' ORDER BY key`))
      .toEqual([
        { key: 'currency', value: '"CNY"' },
        { key: 'language', value: '"zh"' },
        { key: 'theme', value: '"dark"' },
      ])

    await shop.tab.reload()

    await expect.poll(() => shop.tab.evaluate(() => document.documentElement.lang)).toBe('zh-Hans')
    expect(await shop.tab.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
    await shop.tab.click('nav-shop')
    await expect.poll(() => shop.tab.text('item-1')).toMatch(/粗陶茶壶[\s\S]*¥/)
  }),
)

test(
  'a visitor can export all data, and erase it',
  fixture({ page: '/account' }, async ({ visitor, server }) => {
    const shop = await visitor.openWithoutGuest()
    const guest = await shop.waitUntilActive()
    await shop.tab.evaluate(() => {
      // Headless engines treat downloads differently. So the test keeps the content of the file.
      const create = URL.createObjectURL
      URL.createObjectURL = (file: Blob) => {
        void file.text().then((text) => Object.assign(window, { exported: text }))
        return create(file)
      }
    })
    await shop.tab.click('export')
    await expect.poll(() => shop.tab.evaluate(() => (window as { exported?: string }).exported ?? '')).toContain(guest)

    await shop.tab.click('erase')
    await shop.tab.click('erase-confirm')

    await shop.waitForStatus('signed_out')
    expect(await server.guests()).toEqual([])
  }),
)

function shownItems(shop: Shop): Promise<string[]> {
  return shop.tab.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.grid [data-testid^="item-"]')].map(
      (item) => item.dataset.testid ?? '',
    ),
  )
}

function attribute(shop: Shop, testId: string, name: string): Promise<string | null> {
  return shop.tab.evaluate(
    (testId, name) => document.querySelector(`[data-testid="${testId}"]`)?.getAttribute(name) ?? null,
    testId,
    name,
  )
}
