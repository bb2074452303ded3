// The collections of the test server. tests/interop/collections.test.ts compares them with those of the real server.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTestClock, createTestServer, type TestClock, type TestServer } from '../src/testing/index.js'
import type { Collection, Session } from '../src/types.js'

const ADA = { email: 'ada@shop.example', password: 'correct horse' }

interface Line {
  readonly quantity: number
  readonly note?: string
}

let server: TestServer
let clock: TestClock
let session: Session
let cart: Collection<Line>

beforeEach(() => {
  server = createTestServer({
    collections: {
      searches: { entries: 3, full: 'drop-oldest' },
      notes: { entries: 2, valueBytes: 20, merge: 'account' },
      scores: { merge: { best: 'max', first: 'min', owner: 'guest' }, bounds: { best: [0, 10] } },
      history: false,
    },
  })
  clock = createTestClock()
  session = server.createSession()
  cart = session.collection('cart')
})

afterEach(() => {
  server.uninstall()
  clock.uninstall()
})

async function listed<T>(collection: Collection<T>): Promise<[string, T][]> {
  const { entries } = await collection.list()
  return entries.map(({ key, value }) => [key, value])
}

describe('entries', () => {
  test('put, patch, add and remove change the entries of the visitor', async () => {
    await cart.put('mug', { quantity: 1 })
    await clock.advance(1000)
    const patched = await cart.patch('mug', { note: 'gift' })
    await cart.add('/tea?pot', { quantity: 2 })

    expect(patched.value).toEqual({ quantity: 1, note: 'gift' })
    expect((await cart.get('mug'))?.etag).toBe(patched.etag)
    expect(await cart.list()).toEqual({
      // Written at the same time: the greater key is the first one.
      entries: [
        {
          key: 'mug',
          value: { quantity: 1, note: 'gift' },
          created_at: '2030-01-01T00:00:00.000Z',
          updated_at: '2030-01-01T00:00:01.000Z',
        },
        {
          key: '/tea?pot',
          value: { quantity: 2 },
          created_at: '2030-01-01T00:00:01.000Z',
          updated_at: '2030-01-01T00:00:01.000Z',
        },
      ],
      next: null,
      etag: expect.stringMatching(/^"\w+"$/),
    })
    await cart.remove('mug')
    await cart.remove('mug')
    expect(await cart.get('mug')).toBeUndefined()
    await cart.clear()
    expect(await listed(cart)).toEqual([])
  })

  test('each visitor has entries of their own', async () => {
    const other = server.createSession().collection<Line>('cart')
    await cart.put('mug', { quantity: 1 })
    await other.put('pen', { quantity: 2 })

    expect(await listed(cart)).toEqual([['mug', { quantity: 1 }]])
    expect(await listed(other)).toEqual([['pen', { quantity: 2 }]])
  })

  test('pages follow each other, also when the last entry of one is removed', async () => {
    const favorites = session.collection('favorites')
    for (const key of ['a', 'b', 'c', 'd']) {
      await favorites.put(key, {})
      await clock.advance(1)
    }
    const first = await favorites.list({ limit: 2 })
    await favorites.remove('c')
    const second = await favorites.list({ limit: 2, after: first.next })

    expect(first.entries.map(({ key }) => key)).toEqual(['d', 'c'])
    expect(second.entries.map(({ key }) => key)).toEqual(['b', 'a'])
    expect(second.next).toBeNull()
  })

  test('a lost response to an addition is repeated, and the server adds once', async () => {
    server.fail({ path: '/me/cart/mug', with: 'lost' })
    const added = cart.add('mug', { quantity: 2 })
    await clock.advance(500)

    expect((await added).value).toEqual({ quantity: 2 })
    expect(server.count('/me/cart/mug')).toBe(2)
  })

  test('the same idempotency key adds once within 24 hours', async () => {
    const idempotencyKey = 'k'.repeat(22)
    const add = (quantity: number) => cart.add('mug', { quantity }, { idempotencyKey })
    await add(2)
    expect((await add(2)).value.quantity).toBe(2)
    await expect(add(3)).rejects.toMatchObject({ status: 422 })
    await cart.remove('mug')
    await expect(add(2)).rejects.toMatchObject({ status: 404, reason: 'no_entry' })

    await clock.advance(24 * 60 * 60_000)
    expect((await add(3)).value.quantity).toBe(3)
  })

  test('conditions are checked', async () => {
    const { etag } = await cart.put('mug', { quantity: 1 }, { ifNoneMatch: '*' })
    const changed = { code: 'refused', status: 412 }

    await expect(cart.put('mug', { quantity: 2 }, { ifNoneMatch: '*' })).rejects.toMatchObject(changed)
    await expect(cart.patch('pen', { quantity: 2 }, { ifMatch: '*' })).rejects.toMatchObject(changed)
    await cart.put('mug', { quantity: 2 }, { ifMatch: etag })
    await expect(cart.remove('mug', { ifMatch: etag })).rejects.toMatchObject(changed)

    const page = await cart.list()
    await cart.put('pen', { quantity: 1 })
    await expect(cart.clear({ ifMatch: page.etag })).rejects.toMatchObject(changed)
    await cart.clear({ ifMatch: (await cart.list()).etag })
    expect(await listed(cart)).toEqual([])
  })
})

describe('declarations', () => {
  test('a collection that is not declared, or is removed, is unknown', async () => {
    for (const name of ['orders', 'history']) {
      await expect(session.collection(name).list()).rejects.toMatchObject({ reason: 'unknown_collection' })
    }
  })

  test('a full collection refuses a new entry, or drops the one that was changed longest ago', async () => {
    const [notes, searches] = [session.collection('notes'), session.collection('searches')]
    for (const key of ['a', 'b']) await notes.put(key, 1)
    await expect(notes.put('c', 1)).rejects.toMatchObject({ status: 409, reason: 'collection_full' })
    await notes.put('a', 2)

    for (const key of ['a', 'b', 'c', 'a', 'd']) {
      await searches.put(key, {})
      await clock.advance(1)
    }
    expect((await listed(searches)).map(([key]) => key)).toEqual(['d', 'a', 'c'])
  })

  test('lengths, bounds and the values of the default collections are checked', async () => {
    const reasonOf = (call: Promise<unknown>) => call.then(String, (error) => error.reason)
    expect(await reasonOf(session.collection('notes').put('a', 'x'.repeat(19)))).toBe('value_too_long')
    expect(await reasonOf(cart.put('mug', { quantity: 100 }))).toBe('invalid_value')
    expect(await reasonOf(cart.put('mug', { quantity: 1.5 }))).toBe('invalid_value')
    expect(await reasonOf(cart.patch('mug', { note: 'gift' }))).toBe('invalid_value')
    expect(await reasonOf(session.collection('favorites').put('a', []))).toBe('invalid_value')
    expect(await reasonOf(session.collection('preferences').put('theme', null))).toBe('invalid_value')
    expect((await cart.add('mug', { quantity: 200 })).value.quantity).toBe(99)
  })

  test("a route of the app's own comes first", async () => {
    server.on('GET /me/cart', () => Response.json({ entries: [], next: 'mine' }))
    expect((await cart.list()).next).toBe('mine')
    await cart.put('mug', { quantity: 1 })
  })
})

describe('members', () => {
  test('S8: a guest who logs in is merged by the rules, and an addition that is repeated adds nothing', async () => {
    const account = server.createSession()
    await account.register(ADA)
    await account.collection('cart').put('mug', { quantity: 60, note: 'old' })
    await account.collection('cart').put('lamp', { quantity: 1 })
    await account.collection('notes').put('a', 'account')
    await account.collection('scores').put('a', { best: 3, first: 3, owner: 'account' })
    await clock.advance(1000)
    const idempotencyKey = 'k'.repeat(22)
    await cart.add('mug', { quantity: 50 }, { idempotencyKey })
    await cart.patch('mug', { note: 'new' })
    await cart.put('pen', { quantity: 1 })
    await session.collection('notes').put('a', 'guest')
    for (const key of ['b', 'c'])
      await session
        .collection('notes')
        .put(key, 'guest')
        .catch(() => {})
    await session.collection('scores').put('a', { best: 2, first: 2, owner: 'guest' })

    await session.login(ADA)
    await cart.add('mug', { quantity: 50 }, { idempotencyKey })

    expect(await listed(cart)).toEqual([
      ['pen', { quantity: 1 }],
      ['mug', { quantity: 99, note: 'new' }],
      ['lamp', { quantity: 1 }],
    ])
    expect(await listed(session.collection('notes'))).toEqual([
      ['b', 'guest'],
      ['a', 'account'],
    ])
    expect(await listed(session.collection('scores'))).toEqual([['a', { best: 3, first: 2, owner: 'guest' }]])
  })

  test('a guest who registers keeps the entries; the export has them, and an erasure removes them', async () => {
    await cart.put('mug', { quantity: 1 })
    await session.register(ADA)
    expect(await listed(cart)).toEqual([['mug', { quantity: 1 }]])
    expect((await session.export()).collections).toEqual({
      cart: [expect.objectContaining({ key: 'mug', value: { quantity: 1 } })],
    })

    await session.erase()
    expect(await listed(cart)).toEqual([])
  })
})
