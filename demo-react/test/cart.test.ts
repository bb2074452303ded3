// What happens to a cart, with the real session manager.

import type { MutationObserver } from '@tanstack/react-query'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Cart } from '../src/api/shop'
import type { CartStep, CartView } from '../src/cart'
import { cartOf, lineOfTea, openStage, type Stage } from './stage'

let stage: Stage
let mutations: MutationObserver<Cart, Error, CartStep>
let hide: () => void

beforeEach(async () => {
  stage = await openStage()
  const shown = new stage.query.QueryObserver(stage.client, stage.cart.cartOptions())
  hide = shown.subscribe(() => {})
  mutations = new stage.query.MutationObserver(stage.client, stage.cart.stepOptions(stage.client))
  await stage.clock.advance(1000)
})

afterEach(() => {
  hide()
  stage.end()
})

test('the first look at the cart makes one guest', () => {
  expect(stage.server.guests).toHaveLength(1)
  expect(view().count).toBe(0)
})

test('a step shows before the server has it', () => {
  add()

  expect(view()).toMatchObject({ count: 1, cart: { total_cents: 500 } })
  expect(view().isSaving(1)).toBe(true)
})

test('steps go to the server one after the other, and are counted once', async () => {
  add()
  add()
  expect(view().count).toBe(2)

  await stage.clock.advance(1000)

  expect(view().count).toBe(2)
  expect(view().isSaving(1)).toBe(false)
})

test('a cart outlives the token', async () => {
  add()
  await stage.clock.advance(20 * 60_000)

  add()
  await stage.clock.advance(1000)

  expect(view().count).toBe(2)
  expect(stage.server.guests).toHaveLength(1)
})

test('a step that does not get through is taken back', async () => {
  stage.server.fail({ method: 'POST', path: '/me/cart', with: 'network', times: 10 })
  add()
  await stage.clock.advance(1000)
  expect(view().count).toBe(1)

  await stage.clock.advance(60_000)

  expect(view().count).toBe(0)
})

test('a step whose answer is lost is sent again under its key, and counted once', async () => {
  stage.server.fail({ method: 'POST', path: '/me/cart', with: 'lost' })
  add()
  await stage.clock.advance(60_000)

  expect(view().count).toBe(1)
  expect(view().isSaving(1)).toBe(false)
})

test('what is done offline waits, and is done online', async () => {
  stage.server.goOffline()
  add()
  await stage.clock.advance(60_000)
  expect(view().isSaving(1)).toBe(true)

  stage.server.goOnline()
  await stage.clock.advance(60_000)

  expect(view().count).toBe(1)
  expect(view().isSaving(1)).toBe(false)
})

test('when the server has ended the session, the shop shows the cart of the new guest', async () => {
  add()
  await stage.clock.advance(1000)
  stage.server.revoke()

  void stage.client.invalidateQueries()
  await stage.clock.advance(1000)

  expect(stage.server.guests).toHaveLength(2)
  expect(view().count).toBe(0)
})

test('after a sign-out nothing is asked for, which would make a new guest', async () => {
  await stage.session.signOut()
  void stage.client.invalidateQueries()
  await stage.clock.advance(1000)

  expect(stage.server.guests).toHaveLength(1)
  expect(stage.client.getQueryData(['cart'])).toBeUndefined()
})

test('what was under way at a sign-out does not come back, and the next guest has a cart of their own', async () => {
  add()
  await stage.clock.advance(1000)
  void stage.client.invalidateQueries()

  await stage.session.signOut()
  await stage.clock.advance(1000)
  expect(stage.client.getQueryData(['cart'])).toBeUndefined()

  void stage.session.token()
  await stage.clock.advance(1000)
  expect(stage.server.guests).toHaveLength(2)
  expect(stage.client.getQueryData(['cart'])).toMatchObject({ lines: [] })
})

test('taking the last one away removes the line, and nobody takes more than a cart holds', () => {
  const { cartView } = stage.cart
  const set = (quantity: number): CartStep => ({ key: String(quantity), line: lineOfTea, change: { set: quantity } })

  expect(cartView(cartOf(2), [set(0)]).cart?.lines).toEqual([])
  expect(cartView(cartOf(2), [{ ...set(0), change: { add: 500 } }]).count).toBe(99)
})

test('a key of a step is as random as the server wants it', () => {
  const keys = Array.from({ length: 100 }, () => stage.cart.stepKey())

  expect(new Set(keys).size).toBe(100)
  for (const key of keys) expect(key).toMatch(/^[A-Za-z0-9_-]{22}$/)
})

function add(): void {
  // What becomes of it is looked at in the view.
  mutations.mutate({ key: stage.cart.stepKey(), line: lineOfTea, change: { add: 1 } }).catch(() => {})
}

/** What the page shows. */
function view(): CartView {
  const steps = stage.client
    .getMutationCache()
    .findAll({ mutationKey: ['cart'], status: 'pending' })
    .map(({ state }) => state.variables as CartStep)
  return stage.cart.cartView(stage.client.getQueryData(['cart']), steps)
}
