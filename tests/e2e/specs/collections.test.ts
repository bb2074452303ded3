// The shop on collections: another catalogue, the collections of the demo's own, and the width of a phone.

import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fixture } from '../harness/fixture.ts'
import type { Shop } from '../harness/shop.ts'

const catalogue = join(await mkdtemp(join(tmpdir(), 'guestpass-catalogue-')), 'items.json')
const tea = { id: 1, name: 'Green tea', price_cents: 500, currency: 'EUR', origin: 'Wuyi' }
const cup = { id: 'cups/blue', name: 'Blue cup', price_cents: 1250, currency: 'EUR' }

function writeCatalogue(items: readonly object[]): Promise<void> {
  return writeFile(catalogue, JSON.stringify({ name: 'Tea house', items }))
}

await writeCatalogue([tea, cup])

test(
  'an item with a text as id can be bought and viewed; when it has left the catalogue, its line says so and can be removed',
  fixture({ flags: ['--catalogue', catalogue] }, async ({ visitor, server }) => {
    await writeCatalogue([tea, cup])
    await server.restart()
    const shop = await visitor.open()
    await shop.add('cups/blue')
    await shop.add(1)
    await shop.waitForCart(2)
    await shop.tab.click('favorite-cups/blue')
    await shop.tab.click('open-cups/blue')
    await expect.poll(() => shop.tab.text('detail')).toContain('Blue cup')
    await expect.poll(() => shop.entriesAtServer('history')).toEqual([{ key: 'cups/blue', value: {} }])
    await shop.tab.click('nav-shop')
    await shop.tab.click('open-cart')
    expect(await shop.tab.text('cart-total')).toBe('€17.50')
    // The oldest line is the first one.
    expect(await lines(shop)).toEqual(['cart-line-cups/blue', 'cart-line-1'])

    await writeCatalogue([tea])
    await server.restart()
    await shop.tab.reload()
    await shop.tab.click('open-cart')

    await expect.poll(() => shop.tab.text('cart-line-cups/blue')).toMatch(/^cups\/blue\s*No longer sold$/)
    expect(await shop.tab.text('cart-total')).toBe('€5.00')
    expect(await shop.tab.text('cart-plus-cups/blue')).toBeNull()
    await shop.tab.click('cart-remove-cups/blue')
    await shop.waitForCart(1)
    expect(await lines(shop)).toEqual(['cart-line-1'])
    await shop.tab.press('Escape')
    await shop.tab.click('nav-history')
    await expect.poll(() => shop.tab.text('history')).toContain('cups/blue no longer sold')
    await shop.tab.click('nav-favorites')
    await shop.tab.click('favorite-remove-cups/blue')
    await expect.poll(() => shop.tab.text('favorites-gone')).toBeNull()
    expect(await shop.entriesAtServer('favorites')).toEqual([])
  }),
)

test(
  'the last searches of a guest are suggested, also after a reload, and can be removed',
  fixture({ program: 'guestpass-demo' }, async ({ visitor }) => {
    const shop = await visitor.open()
    for (const words of ['Honey ', 'wool']) {
      await shop.tab.type('search', words)
      await shop.tab.press('Enter')
    }
    await expect
      .poll(() => shop.entriesAtServer('searches'))
      .toEqual([
        { key: 'wool', value: { text: 'wool' } },
        { key: 'honey', value: { text: 'Honey' } },
      ])
    await shop.tab.reload()
    await shop.waitUntilActive()

    await shop.tab.click('clear-search')
    await expect.poll(() => suggestions(shop.tab)).toEqual(['wool', 'Honey'])
    await shop.tab.click('forget-wool')
    await expect.poll(() => suggestions(shop.tab)).toEqual(['Honey'])
    await shop.tab.click('search-honey')

    await expect.poll(() => shop.tab.text('item-8')).toContain('Forest honey')
    expect(await shop.tab.text('item-1')).toBeNull()
    expect(await shop.tab.text('searches')).toBeNull()
    await expect.poll(() => shop.entriesAtServer('searches')).toEqual([{ key: 'honey', value: { text: 'Honey' } }])
  }),
)

test(
  'a note on an item is kept; one that breaks the schema of its collection is refused, and the page shows why',
  fixture({ program: 'guestpass-demo' }, async ({ visitor }) => {
    const shop = await visitor.open()
    await shop.tab.click('open-7')
    await shop.tab.type('note-text', 'For Ada, with blue ink. '.repeat(8))
    await shop.tab.click('note-save')
    await expect.poll(() => shop.tab.text('note-error')).toContain('140')
    expect(await shop.entriesAtServer('notes')).toEqual([])

    await shop.tab.type('note-text', 'For Ada')
    await shop.tab.click('note-save')
    await expect.poll(() => shop.entriesAtServer('notes')).toEqual([{ key: '7', value: { text: 'For Ada' } }])
    expect(await shop.tab.text('note-error')).toBeNull()
    await shop.tab.reload()
    await expect.poll(() => noteOf(shop)).toBe('For Ada')

    await shop.tab.click('note-delete')
    await expect.poll(() => shop.entriesAtServer('notes')).toEqual([])
  }),
)

test(
  'on a server without the collections of the demo, the shop shows neither notes nor searches, and no error',
  fixture({}, async ({ visitor }) => {
    const shop = await visitor.open()
    await shop.tab.type('search', 'pen')
    await shop.tab.press('Enter')
    await shop.tab.click('open-7')
    await expect.poll(() => shop.tab.text('detail')).toContain('Fountain pen')
    await shop.tab.until('the page has asked for notes', () => {
      return window.requests.some((request) => request.startsWith('GET /me/notes'))
    })

    expect(await shop.tab.text('note')).toBeNull()
    await shop.tab.click('search')
    expect(await shop.tab.text('searches')).toBeNull()
  }),
)

for (const path of ['/', '/shop/1', '/favorites', '/history', '/account', '/lab']) {
  test(
    `no part of the page ${path} is wider than a phone`,
    fixture({ program: 'guestpass-demo' }, async ({ visitor }) => {
      const shop = await visitor.open()
      await shop.add(1)
      await shop.waitForCart(1)
      await openOnPhone(shop, path)
      if (path === '/lab') {
        await clickOnPhone(shop, 'merge-run')
        await shop.tab.until('the carts are merged', () => {
          const phone = document.querySelector<HTMLIFrameElement>('#phone')
          return phone?.contentDocument?.querySelector('[data-testid="merge-merged"]') !== null
        })
      }

      expect(await tooWide(shop)).toEqual([])
    }),
  )
}

/** Shows the page in a frame that is as wide as a phone: the smallest windows of the engines are wider. */
async function openOnPhone(shop: Shop, path: string): Promise<void> {
  await shop.tab.evaluate((path) => {
    const phone = document.createElement('iframe')
    phone.id = 'phone'
    phone.src = path
    phone.style.cssText = 'position: fixed; inset: 0 auto auto 0; width: 360px; height: 780px; z-index: 99'
    document.body.append(phone)
  }, path)
  await shop.tab.until('the page in the frame has its content', () => {
    const main = document.querySelector<HTMLIFrameElement>('#phone')?.contentDocument?.querySelector('main')
    return main?.querySelector('h1') && !main.querySelector('[aria-busy=true], .bone, .lab-loading')
  })
}

function clickOnPhone(shop: Shop, testId: string): Promise<void> {
  return shop.tab.evaluate((testId) => {
    const phone = document.querySelector<HTMLIFrameElement>('#phone')
    phone?.contentDocument?.querySelector<HTMLElement>(`[data-testid="${testId}"]`)?.click()
  }, testId)
}

/** The elements that end to the right of the frame, except for the contents of elements that scroll or clip. */
function tooWide(shop: Shop): Promise<string[]> {
  return shop.tab.evaluate(() => {
    const page = document.querySelector<HTMLIFrameElement>('#phone')?.contentDocument
    const view = page?.defaultView
    if (!page || !view) return ['no frame']
    const clips = (element: Element): boolean =>
      element !== page.body &&
      !element.classList.contains('shop') &&
      (view.getComputedStyle(element).overflowX !== 'visible' ||
        (element.parentElement !== null && clips(element.parentElement)))
    return [...page.querySelectorAll('#root *')]
      .filter((element) => element.getBoundingClientRect().right > view.innerWidth + 1)
      .filter((element) => !clips(element.parentElement ?? page.body))
      .map((element) => `${element.tagName} ${element.getAttribute('class')} ${element.textContent?.slice(0, 40)}`)
  })
}

function lines(shop: Shop): Promise<string[]> {
  return shop.tab.evaluate(() =>
    [...document.querySelectorAll<HTMLElement>('.cart-line')].map((line) => line.dataset.testid ?? ''),
  )
}

/** The suggested searches. The driver of WebKit finds no text in them: their overflow is hidden. */
function suggestions(tab: Shop['tab']): Promise<(string | null)[]> {
  return tab.evaluate(() => [...document.querySelectorAll('.suggestion')].map(({ textContent }) => textContent))
}

function noteOf(shop: Shop): Promise<string | undefined> {
  return shop.tab.evaluate(() => document.querySelector<HTMLTextAreaElement>('[data-testid="note-text"]')?.value)
}
