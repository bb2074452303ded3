// `session.collection`: the requests that it sends, and the errors that it makes of responses.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createTestClock, createTestServer, type TestClock, type TestServer } from '../src/testing/index.js'
import type { Collection, Session } from '../src/types.js'
import { setUpLoaded } from './fake-manager.js'

interface Line {
  readonly quantity: number
  readonly note?: string
}

let server: TestServer
let clock: TestClock
let session: Session
let cart: Collection<Line>
/** The requests to the collection. */
let received: { line: string; headers: Record<string, string>; body: string }[]

beforeEach(() => {
  server = createTestServer()
  clock = createTestClock()
  received = []
  session = server.createSession()
  cart = session.collection('cart')
})

afterEach(() => {
  server.uninstall()
  clock.uninstall()
})

/** Responds to the requests to the collection with these responses, and with the last one from then on. */
function respond(...responses: (() => Response)[]): void {
  for (const method of ['GET', 'PUT', 'PATCH', 'POST', 'DELETE']) {
    for (const path of ['/me/cart', '/me/cart/:key'] as const) {
      server.on(`${method} ${path}`, async ({ request, url }) => {
        const { authorization, 'content-type': type, ...headers } = Object.fromEntries(request.headers)
        expect(type).toBe('application/json')
        received.push({ line: `${method} ${url.pathname}${url.search}`, headers, body: await request.text() })
        return ((responses.length > 1 ? responses.shift() : responses[0]) as () => Response)()
      })
    }
  }
}

const stored = () => Response.json({ quantity: 2 }, { headers: { ETag: '"two"' } })
const removed = () => new Response(null, { status: 204 })
const problem = (status: number, members: object = {}, headers: Record<string, string> = {}) => {
  const body = JSON.stringify({ status, ...members })
  return () => new Response(body, { status, headers: { 'Content-Type': 'application/problem+json', ...headers } })
}

/** The error that a call rejects with after all its repetitions. */
async function rejection(call: Promise<unknown>): Promise<Record<string, unknown>> {
  const error = call.then(
    () => ({ code: 'none' }),
    (error) => error,
  )
  await clock.advance(60_000)
  return error
}

describe('requests', () => {
  test('each method sends its request, and returns the value with its entity tag', async () => {
    respond(stored)

    expect(await cart.get('a/b?c')).toEqual({ value: { quantity: 2 }, etag: '"two"' })
    expect(await cart.put('mug', { quantity: 2 })).toEqual({ value: { quantity: 2 }, etag: '"two"' })
    await cart.put('mug', { quantity: 2 }, { ifMatch: '"one"' })
    await cart.put('mug', { quantity: 2 }, { ifNoneMatch: '*' })
    await cart.patch('mug', { note: null }, { ifMatch: '*' })
    await cart.add('mug', { quantity: 2 }, { idempotencyKey: 'k'.repeat(22) })

    expect(received).toEqual([
      { line: 'GET /me/cart/a%2Fb%3Fc', headers: {}, body: '' },
      { line: 'PUT /me/cart/mug', headers: {}, body: '{"quantity":2}' },
      { line: 'PUT /me/cart/mug', headers: { 'if-match': '"one"' }, body: '{"quantity":2}' },
      { line: 'PUT /me/cart/mug', headers: { 'if-none-match': '*' }, body: '{"quantity":2}' },
      { line: 'PATCH /me/cart/mug', headers: { 'if-match': '*' }, body: '{"note":null}' },
      {
        line: 'POST /me/cart/mug',
        headers: { 'idempotency-key': 'k'.repeat(22) },
        body: '{"add":{"quantity":2}}',
      },
    ])
  })

  test('remove and clear resolve with nothing', async () => {
    respond(removed)

    expect(await cart.remove('mug', { ifMatch: '"one"' })).toBeUndefined()
    expect(await cart.clear()).toBeUndefined()

    expect(received).toEqual([
      { line: 'DELETE /me/cart/mug', headers: { 'if-match': '"one"' }, body: '' },
      { line: 'DELETE /me/cart', headers: {}, body: '' },
    ])
  })

  test('list returns a page with its entity tag, and takes its next as after', async () => {
    respond(() => Response.json({ entries: [], next: '1.bXVn' }, { headers: { ETag: '"page"' } }))

    const page = await cart.list()
    await cart.list({ limit: 2, after: page.next })
    await cart.list({ after: null })

    expect(page).toEqual({ entries: [], next: '1.bXVn', etag: '"page"' })
    expect(received.map(({ line }) => line)).toEqual([
      'GET /me/cart?limit=100',
      'GET /me/cart?limit=2&after=1.bXVn',
      'GET /me/cart?limit=100',
    ])
  })

  test('any JSON is a value', async () => {
    respond(() => new Response('null'))
    const any = session.collection('cart')

    expect((await any.get('k'))?.value).toBeNull()
    for (const value of [null, '', 0, false, [1], { a: { b: '\ud800' } }]) await any.put('k', value)

    expect(received.map(({ body }) => body).slice(1)).toEqual([
      'null',
      '""',
      '0',
      'false',
      '[1]',
      '{"a":{"b":"\\ud800"}}',
    ])
  })

  test('the requests are below the path of baseUrl', async () => {
    const { session, manager } = await setUpLoaded({ baseUrl: 'https://shop.example/api' })

    await session
      .collection('cart')
      .remove('mug')
      .catch(() => {})

    // Relative, which `session.fetch` resolves against `baseUrl` as if it ended in a slash.
    expect(manager.calls).toContain('fetch me/cart/mug')
  })

  test('a key that no server stores is refused before anything is sent', async () => {
    for (const key of ['', '.', '..', 'a\n', '\u0085', '\ud800', 'x'.repeat(513), 'é'.repeat(257), 12 as never]) {
      for (const call of [cart.get(key), cart.put(key, { quantity: 1 }), cart.patch(key, {}), cart.remove(key)]) {
        await expect(call).rejects.toMatchObject({ code: 'invalid_option' })
      }
      await expect(cart.add(key, { quantity: 1 })).rejects.toMatchObject({ code: 'invalid_option' })
    }
    expect(server.requests).toEqual([])
  })

  test('all other keys are sent percent-encoded', async () => {
    respond(stored)
    const keys = ['...', ' ', '__proto__', '/products/12?size=L#x', '%2F', '👕', 'é'.repeat(256), 'x'.repeat(512)]
    for (const key of keys) await cart.get(key)

    expect(received.map(({ line }) => decodeURIComponent(line.replace('GET /me/cart/', '')))).toEqual(keys)
    expect(received.every(({ line }) => line.split('/').length === 4)).toBe(true)
  })

  test('a name that no collection can have is refused', () => {
    for (const name of ['', 'Cart', '1st', '../items', 'a/b', 'x'.repeat(33), 'cart\n']) {
      expect(() => session.collection(name)).toThrow('collection: this name is not allowed')
    }
    expect(server.requests).toEqual([])
  })
})

describe('errors', () => {
  test('a response with an error rejects with the status, the reason and the problem', async () => {
    const errors = [{ pointer: '/quantity', detail: 'the value must be a number from 1 to 99' }]
    respond(problem(422, { code: 'invalid_value', detail: 'At /quantity: …', errors }))

    const error = await rejection(cart.put('mug', { quantity: 0 }))

    expect(error).toMatchObject({
      name: 'GuestpassError',
      code: 'refused',
      status: 422,
      reason: 'invalid_value',
      message: 'At /quantity: …',
      problem: { status: 422, errors },
    })
  })

  test('an error without a problem document has a status only', async () => {
    respond(() => new Response('<h1>Forbidden</h1>', { status: 403 }))

    const error = await rejection(cart.list())

    expect(error).toMatchObject({ code: 'refused', status: 403, message: 'HTTP 403' })
    expect([error.reason, error.problem]).toEqual([undefined, undefined])
  })

  test('a status that may pass, and a page instead of JSON, are unavailable', async () => {
    for (const status of [408, 429, 500, 502, 503]) {
      respond(problem(status))
      expect(await rejection(cart.list())).toMatchObject({ code: 'unavailable', status })
    }
    respond(() => new Response('<!doctype html>'))
    expect(await rejection(cart.list())).toMatchObject({ code: 'unavailable', status: 200 })
  })

  test('get resolves with undefined when there is no entry, and rejects when there is no collection', async () => {
    respond(problem(404, { code: 'no_entry' }), problem(404, { code: 'unknown_collection' }))

    expect(await cart.get('mug')).toBeUndefined()
    expect(await rejection(cart.get('mug'))).toMatchObject({ status: 404, reason: 'unknown_collection' })
  })

  test('a request that does not reach its server rejects with the error of fetch, without a repetition', async () => {
    respond(stored)
    await session.token()
    server.fail({ path: '/me/cart/mug', with: 'network', times: 2 })

    for (const call of [() => cart.put('mug', { quantity: 1 }), () => cart.get('mug')]) {
      expect(await rejection(call())).toBeInstanceOf(TypeError)
    }
    expect(received).toEqual([])
  })

  test('the errors of the session are passed on', async () => {
    session.close()
    expect(await rejection(cart.add('mug', { quantity: 1 }))).toMatchObject({ code: 'closed' })
  })
})

describe('additions', () => {
  const keys = () => received.map(({ headers }) => headers['idempotency-key'])
  const PATH = '/me/cart/mug'

  test('each call has a key of its own', async () => {
    respond(stored)
    await cart.add('mug', { quantity: 2 })
    await cart.add('mug', { quantity: 2 })

    expect(new Set(keys()).size).toBe(2)
    for (const key of keys()) expect(key).toMatch(/^[A-Za-z0-9_-]{22,128}$/)
  })

  test('after each kind of transient error, the request is repeated with the same key', async () => {
    respond(problem(408), problem(429), problem(503), stored)
    const added = cart.add('mug', { quantity: 2 })
    await clock.advance(3500)
    expect((await added).value).toEqual({ quantity: 2 })

    respond(stored)
    server.fail({ path: PATH, with: 'lost' })
    server.fail({ path: PATH, with: 'network' })
    const again = cart.add('mug', { quantity: 2 })
    await clock.advance(3500)
    expect((await again).etag).toBe('"two"')

    // Four of the first call, and two of the second one: the server does not receive a request with a network error.
    const sent = keys()
    expect(sent.length).toBe(6)
    expect(sent.map((key) => sent.indexOf(key))).toEqual([0, 0, 0, 0, 4, 4])
  })

  test('the body that ends early is a network error', async () => {
    const broken = new ReadableStream({ start: (controller) => controller.error(new TypeError('terminated')) })
    respond(() => new Response(broken), stored)

    const added = cart.add('mug', { quantity: 2 })
    await clock.advance(500)

    expect((await added).value).toEqual({ quantity: 2 })
  })

  test('there are at most three repetitions', async () => {
    respond(problem(503))
    expect(await rejection(cart.add('mug', { quantity: 2 }))).toMatchObject({ code: 'unavailable', status: 503 })
    expect(received.length).toBe(4)

    server.fail({ path: PATH, with: 'network', times: 4 })
    expect(await rejection(cart.add('mug', { quantity: 2 }))).toBeInstanceOf(TypeError)
    expect(received.length).toBe(4)
  })

  test('a refusal is not repeated', async () => {
    respond(problem(409, { code: 'collection_full' }))
    expect(await rejection(cart.add('mug', { quantity: 2 }))).toMatchObject({ reason: 'collection_full' })
    expect(received.length).toBe(1)
  })

  test('the waits are exponential, with jitter', async () => {
    const times: number[] = []
    respond(() => {
      times.push(clock.now)
      return problem(503)()
    })
    await rejection(cart.add('mug', { quantity: 2 }))

    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0))
    for (const [index, wait] of waits.entries()) {
      expect(wait).toBeGreaterThanOrEqual(250 * 2 ** index)
      expect(wait).toBeLessThan(500 * 2 ** index)
    }
  })

  test.each(['10', 'date'])('Retry-After is obeyed: %s', async (kind) => {
    const retryAfter = kind === 'date' ? new Date(clock.now + 10_000).toUTCString() : kind
    respond(problem(503, {}, { 'Retry-After': retryAfter }), stored)

    const added = cart.add('mug', { quantity: 2 })
    await clock.advance(9_500)
    expect(received.length).toBe(1)
    await clock.advance(500)

    expect((await added).value).toEqual({ quantity: 2 })
  })

  test('a Retry-After of more than 30 seconds ends the repetitions', async () => {
    respond(problem(429, {}, { 'Retry-After': '31' }))
    expect(await rejection(cart.add('mug', { quantity: 2 }))).toMatchObject({ status: 429 })
    expect(received.length).toBe(1)
  })

  test('an abort during a wait rejects at once with the reason of the signal', async () => {
    respond(problem(503))
    const controller = new AbortController()
    const added = cart.add('mug', { quantity: 2 }, { signal: controller.signal })
    const settled = vi.fn()
    added.catch(settled)
    await clock.advance(0)
    expect(received.length).toBe(1)

    controller.abort('enough')
    await clock.settle()

    expect(settled).toHaveBeenCalledWith('enough')
    await clock.advance(60_000)
    expect(received.length).toBe(1)
  })

  test('a key of the caller is kept over calls', async () => {
    respond(stored)
    const idempotencyKey = 'a'.repeat(22)
    await cart.add('mug', { quantity: 2 }, { idempotencyKey })
    await cart.add('mug', { quantity: 2 }, { idempotencyKey })
    expect(keys()).toEqual([idempotencyKey, idempotencyKey])
  })
})

test('the types follow the type of the values', () => {
  // Compiled only: `npm run check`. An `expect-error` without an error does not compile.
  void (async () => {
    const { value } = await cart.add('mug', { quantity: 1 })
    value.quantity satisfies number
    await cart.put('mug', { quantity: 1, note: 'gift' })
    await cart.patch('mug', { note: null })
    // @ts-expect-error there is no such member
    await cart.add('mug', { amount: 1 })
    // @ts-expect-error a note is not a number
    await cart.add('mug', { note: 1 })
    // @ts-expect-error the value needs a quantity
    await cart.put('mug', { note: 'gift' })
    // @ts-expect-error the value needs a quantity, so it cannot be removed
    await cart.patch('mug', { quantity: null })
    // @ts-expect-error there is no such member
    await cart.patch('mug', { amount: 1 })
    // @ts-expect-error ifNoneMatch is * only
    await cart.put('mug', { quantity: 1 }, { ifNoneMatch: '"one"' })
    // @ts-expect-error there may be no entry
    ;(await cart.get('mug')).value

    const any = session.collection('notes')
    ;(await any.get('k'))?.value satisfies unknown
    await any.put('k', ['x'])
    await any.patch('k', { a: null })
    await any.add('k', { points: 2 })

    const settings = session.collection<string | boolean>('preferences')
    await settings.put('theme', 'dark')
    // @ts-expect-error the values are texts and booleans
    await settings.put('theme', 5)

    const deep = session.collection<{ list: number[]; size?: { width: number; depth?: number } }>('sizes')
    await deep.patch('k', { size: { width: 2, depth: null }, list: [1] })
    // @ts-expect-error a merge patch replaces a list as a whole
    await deep.patch('k', { list: { 0: 1 } })
  })
})
