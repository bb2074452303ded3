// `session.collection`: the requests that it sends, and the errors that it makes of responses.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { GuestpassError } from '../src/index.node.js'
import { createTestClock, createTestServer, type TestClock, type TestServer } from '../src/testing/index.js'
import type { Collection } from '../src/types.js'

interface Line {
  readonly quantity: number
  readonly note?: string
}

/** A request that the app's own route has received. */
interface Received {
  readonly line: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

let server: TestServer
let clock: TestClock
let cart: Collection<Line>
let received: Received[]

/** Responds to all requests to the collection with these responses, the last one again and again. */
function respond(...responses: (() => Response)[]): void {
  for (const method of ['GET', 'PUT', 'PATCH', 'POST', 'DELETE']) {
    for (const path of ['/me/cart', '/me/cart/:key'] as const) {
      server.on(`${method} ${path}`, async ({ request, url }) => {
        const { authorization, ...headers } = Object.fromEntries(request.headers)
        received.push({ line: `${method} ${url.pathname}${url.search}`, headers, body: await request.text() })
        return (responses.length > 1 ? responses.shift() : responses[0])?.() ?? Response.error()
      })
    }
  }
}

const stored = () => Response.json({ quantity: 2 }, { headers: { ETag: '"two"' } })
const removed = () => new Response(null, { status: 204 })
const problem = (status: number, members: object = {}, headers: HeadersInit = {}) => {
  const all = { 'Content-Type': 'application/problem+json', ...headers }
  return () => new Response(JSON.stringify({ status, ...members }), { status, headers: all })
}

beforeEach(() => {
  server = createTestServer()
  clock = createTestClock()
  received = []
  cart = server.createSession().collection('cart')
})

afterEach(() => {
  server.uninstall()
  clock.uninstall()
})

describe('requests', () => {
  test('a key that no server stores is refused before anything is sent', async () => {
    for (const key of ['', '.', '..', 'a\n', '\u0085', '\ud800', 'x'.repeat(513), 'é'.repeat(257), 12 as never]) {
      await expect(cart.put(key, { quantity: 1 })).rejects.toMatchObject({ code: 'invalid_option' })
    }
    expect(server.requests).toEqual([])
  })
})
void respond
void stored
void removed
void problem
void GuestpassError
