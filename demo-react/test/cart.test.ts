// The cart, with the real session manager and the test server.

import type { MutationObserver } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Cart } from '../src/api/shop'
import type { CartStep, CartView } from '../src/cart'
import { cartOf, lineOfTea, openShop, type ShopFixture } from './shop-fixture'

let shop: ShopFixture
let mutations: MutationObserver<Cart, Error, CartStep>
let hide: () => void

beforeEach(async () => {
  shop = await openShop()
  const shown = new shop.query.QueryObserver(shop.client, shop.cart.cartOptions())
  hide = shown.subscribe(() => {})
  mutations = new shop.query.MutationObserver(shop.client, shop.cart.stepOptions(shop.client))
  await shop.clock.advance(1000)
})

afterEach(() => {
  hide()
  shop.end()
})

test('loading the cart creates one guest', () => {
  expect(shop.server.guests).toHaveLength(1)
  expect(view().count).toBe(0)
})

test('a step is shown before the server responds', () => {
  add()

  expect(view()).toMatchObject({ count: 1, cart: { total_cents: 500 } })
  expect(view().isSaving(1)).toBe(true)
})

test('concurrent steps are each counted once', async () => {
  add()
  add()
  expect(view().count).toBe(2)

  await shop.clock.advance(1000)

  expect(view().count).toBe(2)
  expect(view().isSaving(1)).toBe(false)
})

test('the cart is kept when the token expires', async () => {
  add()
  await shop.clock.advance(20 * 60_000)

  add()
  await shop.clock.advance(1000)

  expect(view().count).toBe(2)
  expect(shop.server.guests).toHaveLength(1)
})

test('a step that fails is undone', async () => {
  shop.server.fail({ method: 'POST', path: '/me/cart', with: 'network', times: 10 })
  add()
  await shop.clock.advance(1000)
  expect(view().count).toBe(1)

  await shop.clock.advance(60_000)

  expect(view().count).toBe(0)
})

test('a step with a lost response is sent again with its key, and counted once', async () => {
  shop.server.fail({ method: 'POST', path: '/me/cart', with: 'lost' })
  add()
  await shop.clock.advance(60_000)

  expect(view().count).toBe(1)
  expect(view().isSaving(1)).toBe(false)
})

test('a step that is made offline is sent when the network is back', async () => {
  shop.server.goOffline()
  add()
  await shop.clock.advance(60_000)
  expect(view().isSaving(1)).toBe(true)

  shop.server.goOnline()
  await shop.clock.advance(60_000)

  expect(view().count).toBe(1)
  expect(view().isSaving(1)).toBe(false)
})

test('when the server has ended the session, the shop shows the cart of the new guest', async () => {
  add()
  await shop.clock.advance(1000)
  shop.server.revoke()

  void shop.client.invalidateQueries()
  await shop.clock.advance(1000)

  expect(shop.server.guests).toHaveLength(2)
  expect(view().count).toBe(0)
})

test('after a sign-out no query is sent, so that no new guest is created', async () => {
  await shop.session.signOut()
  void shop.client.invalidateQueries()
  await shop.clock.advance(1000)

  expect(shop.server.guests).toHaveLength(1)
  expect(shop.client.getQueryData(['cart'])).toBeUndefined()
})

test('a query that runs during a sign-out sets no data, and the next guest has an empty cart', async () => {
  add()
  await shop.clock.advance(1000)
  void shop.client.invalidateQueries()

  await shop.session.signOut()
  await shop.clock.advance(1000)
  expect(shop.client.getQueryData(['cart'])).toBeUndefined()

  void shop.session.token()
  await shop.clock.advance(1000)
  expect(shop.server.guests).toHaveLength(2)
  expect(shop.client.getQueryData(['cart'])).toMatchObject({ lines: [] })
})

test('a quantity of 0 removes the line, and the quantity is limited', () => {
  const { cartView } = shop.cart
  const set = (quantity: number): CartStep => ({ key: String(quantity), line: lineOfTea, change: { set: quantity } })

  expect(cartView(cartOf(2), [set(0)]).cart?.lines).toEqual([])
  expect(cartView(cartOf(2), [{ ...set(0), change: { add: 500 } }]).count).toBe(99)
})

test('step keys are unique and have the format that the server requires', () => {
  const keys = Array.from({ length: 100 }, () => shop.cart.stepKey())

  expect(new Set(keys).size).toBe(100)
  for (const key of keys) expect(key).toMatch(/^[A-Za-z0-9_-]{22}$/)
})

function add(): void {
  // The tests check the view, not this promise.
  mutations.mutate({ key: shop.cart.stepKey(), line: lineOfTea, change: { add: 1 } }).catch(() => {})
}

/** The cart as the page shows it. */
function view(): CartView {
  const steps = shop.client
    .getMutationCache()
    .findAll({ mutationKey: ['cart'], status: 'pending' })
    .map(({ state }) => state.variables as CartStep)
  return shop.cart.cartView(shop.client.getQueryData(['cart']), steps)
}
