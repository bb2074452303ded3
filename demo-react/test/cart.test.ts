// The cart, with the real session manager and the test server.

import type { MutationObserver } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { CartValue } from '../src/api/collections'
import type { Cart, CartStep, CartView } from '../src/cart'
import { bread, openShop, type ShopFixture, tea } from './shop-fixture'

let shop: ShopFixture
let mutations: MutationObserver<CartValue | null, Error, CartStep>
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

  expect(view()).toMatchObject({ count: 1, cart: [{ key: '1', value: { quantity: 1 } }] })
  expect(view().isSaving('1')).toBe(true)
})

test('concurrent steps are each counted once', async () => {
  add()
  add()
  expect(view().count).toBe(2)

  await shop.clock.advance(1000)

  expect(view().count).toBe(2)
  expect(view().isSaving('1')).toBe(false)
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
  shop.server.fail({ method: 'POST', path: '/me/cart/1', with: 'network', times: 10 })
  add()
  await shop.clock.advance(1000)
  expect(view().count).toBe(1)

  await shop.clock.advance(60_000)

  expect(view().count).toBe(0)
})

test('a step with a lost response is sent again with its key, and counted once', async () => {
  shop.server.fail({ method: 'POST', path: '/me/cart/1', with: 'lost' })
  add()
  await shop.clock.advance(60_000)

  expect(view().count).toBe(1)
  expect(view().isSaving('1')).toBe(false)
})

test('a step that is made offline is sent when the network is back', async () => {
  shop.server.goOffline()
  add()
  await shop.clock.advance(60_000)
  expect(view().isSaving('1')).toBe(true)

  shop.server.goOnline()
  await shop.clock.advance(60_000)

  expect(view().count).toBe(1)
  expect(view().isSaving('1')).toBe(false)
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
  expect(shop.client.getQueryData(['cart'])).toEqual([])
})

test('steps on several items each change their own line', async () => {
  add('1')
  add('2', 3)
  add('1')
  expect(quantities()).toEqual({ 1: 2, 2: 3 })

  // The response to each step has one entry only.
  for (let response = 0; response < 3; response += 1) {
    await shop.clock.advance(50)
    expect(quantities()).toEqual({ 1: 2, 2: 3 })
  }
  await shop.clock.advance(1000)

  expect(quantities()).toEqual({ 1: 2, 2: 3 })
  step('1', { set: 0 })
  expect(quantities()).toEqual({ 2: 3 })
  await shop.clock.advance(1000)
  expect(quantities()).toEqual({ 2: 3 })
})

test('the oldest line is the first one, also after a reload', async () => {
  for (const item of ['8', '2', '5', '8']) {
    add(item)
    await shop.clock.advance(1000)
  }
  const order = () => view().cart?.map(({ key }) => key)
  expect(order()).toEqual(['8', '2', '5'])

  void shop.client.invalidateQueries()
  await shop.clock.advance(1000)

  expect(order()).toEqual(['8', '2', '5'])
})

test('a step that overtakes a reload of the cart loses no change that another tab has made', async () => {
  add('1')
  await shop.clock.advance(1000)
  await shop.session.collection('cart').put('2', { quantity: 5 })
  const release = shop.holdLists()
  void shop.client.invalidateQueries()
  await shop.clock.advance(1000)

  add('1')
  await shop.clock.advance(1000)
  release()
  await shop.clock.advance(1000)

  expect(quantities()).toEqual({ 1: 2, 2: 5 })
})

test('a new quantity leaves other members of the line as they are', async () => {
  const cart = shop.session.collection<{ quantity: number; note?: string }>('cart')
  await cart.put('1', { quantity: 2, note: 'gift' })
  void shop.client.invalidateQueries()
  await shop.clock.advance(1000)

  step('1', { set: 4 })
  expect(view().cart?.[0]?.value).toEqual({ quantity: 4, note: 'gift' })
  await shop.clock.advance(1000)

  expect(view().cart?.[0]?.value).toEqual({ quantity: 4, note: 'gift' })
  expect((await cart.get('1'))?.value).toEqual({ quantity: 4, note: 'gift' })
})

test('a quantity of 0 removes the line, and the quantity is limited', () => {
  const { cartView } = shop.cart
  const cart: Cart = [{ key: '1', value: { quantity: 2 } }]

  expect(cartView(cart, [{ key: 'a', item: '1', change: { set: 0 } }]).cart).toEqual([])
  expect(cartView(cart, [{ key: 'b', item: '1', change: { add: 500 } }]).count).toBe(99)
})

test('a line whose item has left the catalogue has no item and no price', () => {
  const { linesOf, totalOf } = shop.cart
  const cart: Cart = [
    { key: 'gone', value: { quantity: 7 } },
    { key: '1', value: { quantity: 2 } },
    { key: '2', value: { quantity: 1 } },
  ]
  const { price_cents: _, ...free } = bread

  const lines = linesOf(cart, { items: [tea, free], recently_seen: [], recommended: [] })

  expect(lines.map(({ item }) => item?.name ?? null)).toEqual([null, 'Tea', 'Pain au levain'])
  expect(totalOf(lines)).toBe(1000)
})

function add(item = '1', quantity = 1): void {
  step(item, { add: quantity })
}

function step(item: string, change: CartStep['change']): void {
  // The tests check the view, not this promise.
  mutations.mutate({ key: crypto.randomUUID(), item, change }).catch(() => {})
}

/** The quantity of each line of the cart as the page shows it. */
function quantities(): Record<string, number> {
  return Object.fromEntries(view().cart?.map(({ key, value }) => [key, value.quantity]) ?? [])
}

/** The cart as the page shows it. */
function view(): CartView {
  const steps = shop.client
    .getMutationCache()
    .findAll({ mutationKey: ['cart'], status: 'pending' })
    .map(({ state }) => state.variables as CartStep)
  return shop.cart.cartView(shop.client.getQueryData(['cart']), steps)
}
