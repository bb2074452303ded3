import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { Cart, Item } from '../src/api'
import { Answers, FakePage, FakeSession, serverIsAway } from './stage'

const stage = vi.hoisted(() => ({ session: undefined as unknown }))
vi.mock('../src/session', () => ({
  get session() {
    return stage.session
  },
}))

const tea: Item = { id: 1, name: 'Tea', description: '', price_cents: 500, currency: 'EUR', emoji: '🍵' }

let session: FakeSession
let answers: Answers<Response>
let shop: typeof import('../src/cart')

/** A shop that shows an empty cart; that was question 1. */
beforeEach(async () => {
  new FakePage()
  session = new FakeSession()
  stage.session = session
  answers = new Answers()
  session.fetch.mockImplementation(answers.ask)
  session.becomes({ status: 'active', id: 'anonymous_a' })
  vi.resetModules()
  shop = await import('../src/cart')
  shop.cartResource.subscribe(() => {})
  await answers.give(1, cartOf(0))
})

afterEach(() => {
  vi.unstubAllGlobals()
})

test('a change shows before the server has it', () => {
  shop.add(tea)

  const { cart, count, isSaving } = shop.cartView()
  expect(count).toBe(1)
  expect(cart?.total_cents).toBe(500)
  expect(isSaving(tea.id)).toBe(true)
})

test('changes go to the server one after the other, and its last answer is the last word', async () => {
  shop.add(tea)
  shop.add(tea)
  expect(answers.asked).toBe(2)

  await answers.give(2, cartOf(1))
  expect(shop.cartView().count).toBe(2)
  // Another tab has put one in meanwhile.
  await answers.give(3, cartOf(3))

  expect(shop.cartView().count).toBe(3)
  expect(shop.cartView().isSaving(tea.id)).toBe(false)
})

test('a change that is not saved goes, takes later ones with it, and the server tells what holds', async () => {
  shop.add(tea)
  shop.add(tea)

  await answers.fail(2, serverIsAway)

  expect(shop.cartView()).toMatchObject({ count: 0, saveFailure: { kind: 'unreachable' } })
  expect(session.fetch.mock.lastCall?.[0]).toBe('/me/cart')
  // The server had it after all: only its answer was lost.
  await answers.give(3, cartOf(1))
  expect(shop.cartView().count).toBe(1)
})

test('the next change takes the message about the last one away', async () => {
  shop.add(tea)
  await answers.fail(2, serverIsAway)
  await answers.give(3, cartOf(0))

  shop.add(tea)

  expect(shop.cartView().saveFailure).toBeNull()
})

test('taking the last one away removes the line', async () => {
  shop.add(tea)
  await answers.give(2, cartOf(1))
  const [line] = shop.cartView().cart?.lines ?? []
  if (!line) throw new Error('the cart has no line')

  shop.takeOne(line)

  expect(shop.cartView().cart?.lines).toEqual([])
  expect(session.fetch).toHaveBeenLastCalledWith('/me/cart/1', { method: 'DELETE' })
})

test('there is nothing to tell about a change that a sign-out has overtaken', async () => {
  const { GuestpassError } = await import('guestpass')
  shop.add(tea)

  await answers.fail(2, new GuestpassError('signed_out', 'Signed out'))

  expect(shop.cartView()).toMatchObject({ count: 0, saveFailure: null })
  expect(answers.asked).toBe(2)
})

function cartOf(quantity: number): Response {
  const { id: item_id, name, price_cents, currency, emoji } = tea
  const lines = quantity > 0 ? [{ item_id, name, price_cents, currency, emoji, quantity }] : []
  const cart: Cart = { lines, total_cents: price_cents * quantity, currency }
  return Response.json(cart)
}
