// The shop with the real session manager, against the test server of `guestpass/testing`: what happens to a cart.

import { createTestClock, createTestServer, type TestClock, type TestServer } from 'guestpass/testing'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Cart, Item } from '../src/api'
import { FakePage } from './stage'

const tea: Item = { id: 1, name: 'Tea', description: '', price_cents: 500, currency: 'EUR', emoji: '🍵' }

let server: TestServer
let clock: TestClock
let shop: typeof import('../src/cart')
let session: typeof import('../src/session')['session']
let unsubscribe: () => void

beforeEach(async () => {
  const page = new FakePage()
  server = createTestServer()
  clock = createTestClock()
  server.install()
  Object.assign(page.window, { location: { origin: server.origin } })
  const quantities = new Map<string | null, number>()
  server.on('GET /me/cart', ({ guest }) => Response.json(cartOf(quantities.get(guest) ?? 0)))
  server.on('POST /me/cart', ({ guest }) => {
    quantities.set(guest, (quantities.get(guest) ?? 0) + 1)
    return Response.json(cartOf(quantities.get(guest) ?? 0))
  })
  vi.resetModules()
  shop = await import('../src/cart')
  ;({ session } = await import('../src/session'))
  unsubscribe = shop.cartResource.subscribe(() => {})
  await clock.settle()
})

afterEach(() => {
  unsubscribe()
  session.close()
  server.uninstall()
  clock.uninstall()
  vi.unstubAllGlobals()
})

test('the first look at the cart makes one guest', () => {
  expect(server.guests).toHaveLength(1)
  expect(shop.cartView().count).toBe(0)
})

test('a cart outlives the token', async () => {
  shop.add(tea)
  await clock.advance(20 * 60_000)

  shop.add(tea)
  await clock.settle()

  expect(shop.cartView()).toMatchObject({ count: 2, saveFailure: null })
  expect(server.guests).toHaveLength(1)
})

test('a refused token is renewed, and nothing is put in twice', async () => {
  server.expire()

  shop.add(tea)
  await clock.settle()

  expect(shop.cartView()).toMatchObject({ count: 1, saveFailure: null })
})

test('while the visitor is offline a change is not saved, and online again the next one is', async () => {
  server.goOffline()
  shop.add(tea)
  await clock.settle()
  expect(shop.cartView()).toMatchObject({ count: 0, saveFailure: { kind: 'unreachable' } })

  server.goOnline()
  shop.add(tea)
  await clock.settle()
  expect(shop.cartView()).toMatchObject({ count: 1, saveFailure: null })
})

test('when the server has ended the session, the shop shows the cart of the new guest', async () => {
  shop.add(tea)
  await clock.settle()
  server.revoke()

  await shop.cartResource.reload()
  await clock.settle()

  expect(server.guests).toHaveLength(2)
  expect(shop.cartView().count).toBe(0)
})

function cartOf(quantity: number): Cart {
  const { id: item_id, name, price_cents, currency, emoji } = tea
  const lines = quantity > 0 ? [{ item_id, name, price_cents, currency, emoji, quantity }] : []
  return { lines, total_cents: price_cents * quantity, currency }
}
