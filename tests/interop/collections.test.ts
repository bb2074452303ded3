// Collections: the test server of `guestpass/testing` responds as the real server does, to the same requests of the same SDK.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSession, type Session } from 'guestpass'
import { createTestServer } from 'guestpass/testing'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'

const DECLARATIONS = `
[collections]
history = false

[collections.notes]
entries = 2
value_bytes = 40
merge = { text = "account" }

[collections.bag]
entries = 1

[collections.recent]
entries = 2
full = "drop-oldest"

[collections.scores]
bounds = { points = [0, 10] }
merge = { points = "sum", best = "max", least = "min", owner = "account", by = "guest", size = "newest" }

[collections.texts]
merge = { of = "max" }

[collections.first]
merge = "guest"
`
// The same for the test server.
const COLLECTIONS = {
  history: false,
  notes: { entries: 2, valueBytes: 40, merge: { text: 'account' } },
  bag: { entries: 1 },
  recent: { entries: 2, full: 'drop-oldest' },
  scores: {
    bounds: { points: [0, 10] },
    merge: { points: 'sum', best: 'max', least: 'min', owner: 'account', by: 'guest', size: 'newest' },
  },
  texts: { merge: { of: 'max' } },
  first: { merge: 'guest' },
} as const

const KEY = 'k'.repeat(22)
const OTHER_KEY = 'o'.repeat(22)

interface RequestOptions {
  readonly body?: unknown
  /** Sent as it is, in place of `body`. */
  readonly text?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** The requests, with the status and, for an error that has one, the code of the response. */
const REQUESTS: readonly [request: string, options: RequestOptions, status: number, code?: string][] = [
  ['GET /me/orders', {}, 404, 'unknown_collection'],
  ['GET /me/history', {}, 404, 'unknown_collection'],
  ['GET /me/cart', {}, 200],
  ['GET /me/cart/mug', {}, 404, 'no_entry'],
  ['DELETE /me/cart/mug', {}, 204],
  ['PUT /me/cart/mug', { body: { quantity: 2, note: 'gift' } }, 201],
  ['PUT /me/cart/mug', { body: { note: 'gift', quantity: 2 } }, 200],
  ['GET /me/cart/mug', {}, 200],
  ['GET /me/cart/mug', { headers: { 'If-None-Match': 'mug' } }, 304],
  ['GET /me/cart', { headers: { 'If-None-Match': '"other"' } }, 200],
  ['PATCH /me/cart/mug', { body: { note: null } }, 200],
  ['PATCH /me/cart/mug', { body: [1] }, 422, 'invalid_value'],
  ['PATCH /me/cart/cup', { body: { note: 'x' } }, 422, 'invalid_value'],
  ['PATCH /me/cart/cup', { body: { quantity: 1, note: { deep: null } } }, 201],
  ['PATCH /me/cart/mug', { text: '{"quantity":3}', headers: { 'Content-Type': 'application/merge-patch+json' } }, 200],
  ['PUT /me/cart/mug', { text: '{"quantity":3}', headers: { 'Content-Type': 'application/merge-patch+json' } }, 415],
  ['PUT /me/cart/mug', { text: '{"quantity":3}', headers: { 'Content-Type': 'text/plain' } }, 415],
  ['PUT /me/cart/mug', { text: '{' }, 400],
  ['PUT /me/cart/mug', { text: `"${'x'.repeat(16 * 1024)}"` }, 413],
  ['PUT /me/cart/mug', { body: { quantity: 0 } }, 422, 'invalid_value'],
  ['PUT /me/cart/mug', { body: { quantity: '1' } }, 422, 'invalid_value'],
  ['PUT /me/cart/mug', { body: { quantity: 1.5 } }, 422, 'invalid_value'],
  ['PUT /me/cart/mug', { body: {} }, 422, 'invalid_value'],
  ['PUT /me/cart/mug', { body: 'text' }, 422, 'invalid_value'],
  ['PUT /me/cart/mug', { body: { quantity: 1, note: 'x'.repeat(1010) } }, 422, 'value_too_long'],
  ['PUT /me/cart/mug', { body: { quantity: 3 }, headers: { 'If-None-Match': '*' } }, 412],
  ['PUT /me/cart/new', { body: { quantity: 3 }, headers: { 'If-Match': '*' } }, 412],
  ['PUT /me/cart/mug', { body: { quantity: 4 }, headers: { 'If-Match': '"other"' } }, 412],
  ['PUT /me/cart/mug', { body: { quantity: 4 }, headers: { 'If-Match': 'mug' } }, 200],
  ['PUT /me/cart/mug', { body: { quantity: 4 }, headers: { 'If-Match': '"other", *' } }, 412],
  ['POST /me/cart/mug', { body: { add: { quantity: 5 } } }, 200],
  ['POST /me/cart/mug', { body: { add: { quantity: 500 } } }, 200],
  ['POST /me/cart/mug', { body: { add: { quantity: 'x' } } }, 422, 'invalid_value'],
  ['POST /me/cart/mug', { body: { add: 1 } }, 422],
  ['POST /me/cart/mug', { body: [] }, 422],
  ['POST /me/cart/mug', { body: { add: {} } }, 200],
  ['POST /me/cart/pen', { body: { add: { weight: 1.5 } } }, 422, 'invalid_value'],
  ['POST /me/cart/pen', { body: { add: { quantity: 2, weight: 1.5 } }, headers: { 'Idempotency-Key': KEY } }, 201],
  ['POST /me/cart/pen', { body: { add: { weight: 1.5, quantity: 2 } }, headers: { 'Idempotency-Key': KEY } }, 200],
  ['POST /me/cart/pen', { body: { add: { quantity: 3 } }, headers: { 'Idempotency-Key': KEY } }, 422],
  ['POST /me/cart/mug', { body: { add: { quantity: 2, weight: 1.5 } }, headers: { 'Idempotency-Key': KEY } }, 422],
  ['POST /me/cart/pen', { body: { add: { quantity: 1 } }, headers: { 'Idempotency-Key': 'short' } }, 400],
  ['DELETE /me/cart/pen', {}, 204],
  [
    'POST /me/cart/pen',
    { body: { add: { quantity: 2, weight: 1.5 } }, headers: { 'Idempotency-Key': KEY } },
    404,
    'no_entry',
  ],
  ['POST /me/preferences/theme', { body: { add: { size: 1 } } }, 422, 'invalid_value'],
  ['PUT /me/preferences/theme', { body: 'dark' }, 201],
  ['POST /me/preferences/theme', { body: { add: { size: 1 } } }, 422, 'invalid_value'],
  ['PUT /me/preferences/theme', { body: null }, 422, 'invalid_value'],
  ['PUT /me/preferences/theme', { body: 'é'.repeat(513) }, 422, 'invalid_value'],
  ['PUT /me/favorites/a%2Fb', { body: {} }, 201],
  ['GET /me/favorites/a%2fb', {}, 200],
  ['PUT /me/favorites/%C3%A9', { body: { __proto__: null, toString: 1 } }, 201],
  ['PUT /me/favorites/__proto__', { text: '{"__proto__":{"a":1},"constructor":2}' }, 201],
  ['GET /me/favorites', {}, 200],
  ['PUT /me/favorites/%00', { body: {} }, 422],
  ['PUT /me/favorites/%FF', { body: {} }, 422],
  [`PUT /me/favorites/${'%C3%A9'.repeat(257)}`, { body: {} }, 422],
  [`PUT /me/favorites/${'%C3%A9'.repeat(256)}`, { body: {} }, 201],
  ['GET /me/favorites?limit=2', {}, 200],
  ['GET /me/favorites?limit=0', {}, 400],
  ['GET /me/favorites?limit=101', {}, 400],
  ['GET /me/favorites?limit=x', {}, 400],
  ['GET /me/favorites?after=', {}, 400],
  ['GET /me/favorites?after=1.b', {}, 400],
  ['GET /me/favorites?page=1', {}, 400],
  ['GET /me/favorites?after=1.bXVn', {}, 200],
  ['DELETE /me/favorites', { headers: { 'If-Match': '"other"' } }, 412],
  ['DELETE /me/favorites', {}, 204],
  ['GET /me/favorites', {}, 200],
  ['PUT /me/notes/a', { body: 1 }, 201],
  ['PUT /me/notes/b', { body: 'x'.repeat(38) }, 201],
  ['PUT /me/notes/b', { body: 'x'.repeat(39) }, 422, 'value_too_long'],
  ['PUT /me/notes/c', { body: 1 }, 409, 'collection_full'],
  ['PATCH /me/notes/c', { body: { a: 1 } }, 409, 'collection_full'],
  ['POST /me/notes/c', { body: { add: { a: 1 } }, headers: { 'Idempotency-Key': OTHER_KEY } }, 409, 'collection_full'],
  ['DELETE /me/notes/b', {}, 204],
  ['POST /me/notes/c', { body: { add: { a: 1 } }, headers: { 'Idempotency-Key': OTHER_KEY } }, 201],
  ['PUT /me/recent/a', { body: 1 }, 201],
  ['PUT /me/recent/b', { body: 1 }, 201],
  ['PUT /me/recent/a', { body: 1 }, 200],
  ['PUT /me/recent/c', { body: 1 }, 201],
  ['GET /me/recent', {}, 200],
  ['PUT /me/scores/a', { body: { points: 11 } }, 422, 'invalid_value'],
  ['PUT /me/scores/a', { body: { points: null } }, 422, 'invalid_value'],
  ['PUT /me/scores/a', { body: 5 }, 422, 'invalid_value'],
  ['PUT /me/scores/a', { body: { other: 5 } }, 201],
  ['POST /me/scores/a', { body: { add: { points: -5 } } }, 200],
  ['POST /me/cart', { body: {} }, 405],
]

/** Values of an account and of a guest under the same key of a collection, and the merged value. */
const MERGES: readonly {
  of: string
  account: unknown
  guest: unknown
  newest: 'account' | 'guest'
  merged: unknown
}[] = [
  {
    of: 'cart',
    account: { quantity: 2, a: 1 },
    guest: { quantity: 3, b: 1 },
    newest: 'guest',
    merged: { quantity: 5, b: 1 },
  },
  {
    of: 'cart',
    account: { quantity: 2, a: 1 },
    guest: { quantity: 3, b: 1 },
    newest: 'account',
    merged: { quantity: 5, a: 1 },
  },
  { of: 'cart', account: { quantity: 60 }, guest: { quantity: 60 }, newest: 'guest', merged: { quantity: 99 } },
  { of: 'preferences', account: 'dark', guest: 'light', newest: 'guest', merged: 'dark' },
  { of: 'favorites', account: { a: 1 }, guest: { b: 1 }, newest: 'account', merged: { a: 1 } },
  { of: 'first', account: [1], guest: 'x', newest: 'account', merged: 'x' },
  {
    of: 'texts',
    account: { of: '2030-01-02' },
    guest: { of: '2030-01-10' },
    newest: 'account',
    merged: { of: '2030-01-10' },
  },
  {
    of: 'texts',
    account: { of: '\uffff' },
    guest: { of: '\u{10000}' },
    newest: 'account',
    merged: { of: '\u{10000}' },
  },
  { of: 'texts', account: { of: 10 }, guest: { of: 9.5 }, newest: 'guest', merged: { of: 10 } },
  { of: 'texts', account: { of: 10 }, guest: { of: '9' }, newest: 'account', merged: { of: '9' } },
  { of: 'texts', account: { of: true }, guest: { of: false }, newest: 'guest', merged: { of: true } },
  { of: 'texts', account: { of: { a: 1 } }, guest: { of: [9] }, newest: 'guest', merged: { of: { a: 1 } } },
  {
    of: 'scores',
    account: { points: 3, best: 2, least: 2 },
    guest: { points: 4, best: 3, least: 3 },
    newest: 'account',
    merged: { points: 7, best: 3, least: 2 },
  },
  { of: 'scores', account: { points: 8 }, guest: { points: 8 }, newest: 'guest', merged: { points: 10 } },
  {
    of: 'scores',
    account: { owner: 1, by: 1, size: 1, x: 1 },
    guest: { owner: 2, by: 2, y: 1 },
    newest: 'guest',
    merged: { owner: 1, by: 2, y: 1 },
  },
  {
    of: 'scores',
    account: { owner: 1, best: 1 },
    guest: { by: 2, size: 2 },
    newest: 'account',
    merged: { owner: 1, best: 1, by: 2 },
  },
  {
    of: 'scores',
    account: { best: 'b' },
    guest: { best: 'a', least: null },
    newest: 'guest',
    merged: { best: 'b', least: null },
  },
  // The merged value would be longer than the declaration allows.
  {
    of: 'notes',
    account: { text: 'y'.repeat(20) },
    guest: { more: 'x'.repeat(20) },
    newest: 'guest',
    merged: { more: 'x'.repeat(20) },
  },
  { of: 'notes', account: 1, guest: { text: 1 }, newest: 'account', merged: 1 },
]
/** Entries that one side alone has. Together, they are more than the collections allow. */
const ONLY: readonly [side: 'account' | 'guest', of: string, key: string][] = [
  ['guest', 'recent', 'a'],
  ['account', 'recent', 'b'],
  ['account', 'recent', 'c'],
  ['guest', 'recent', 'd'],
  ['account', 'bag', 'a'],
  ['guest', 'bag', 'b'],
]

const ADA = { email: 'ada@shop.example', password: 'a password of Ada 1843' }

test('the test server and the real server respond to the same requests in the same way', async () => {
  await using servers = await bothServers()

  const real = await responses(servers.real())
  const test = await responses(servers.test())

  expect(real.map(({ status, code }) => [status, code])).toEqual(REQUESTS.map(([, , status, code]) => [status, code]))
  expect(test).toEqual(real)
})

test('S8: the test server and the real server merge the same entries in the same way', async () => {
  await using servers = await bothServers()

  const real = await merge(servers.real)
  const test = await merge(servers.test)

  for (const [index, { of, merged }] of MERGES.entries()) {
    expect(real, `${of}, row ${index}`).toContainEqual([of, `row-${index}`, merged])
  }
  expect(real.filter(([of]) => of === 'recent' || of === 'bag')).toEqual([
    ['bag', 'b', 0],
    ['bag', 'a', 0],
    ['recent', 'd', 0],
    ['recent', 'c', 0],
  ])
  expect(test).toEqual(real)
})

/** The servers, with a function each that creates a session. */
async function bothServers() {
  const folder = await mkdtemp(join(tmpdir(), 'guestpass-collections-'))
  await writeFile(join(folder, 'guestpass.toml'), DECLARATIONS)
  const server = await Server.start(['--config', join(folder, 'guestpass.toml')])
  const testServer = createTestServer({ collections: COLLECTIONS })
  const sessions: Session[] = []
  return {
    test: () => testServer.createSession(),
    real() {
      const session = createSession({ baseUrl: server.url, storage: 'memory' })
      sessions.push(session)
      return session
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.close()
      testServer.uninstall()
      await server[Symbol.asyncDispose]()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Sends the requests. Resolves with what the responses have in common: not the texts, the times and the hashes of tags. */
async function responses(session: Session) {
  const results = []
  const tags = new Map<string, string>()
  for (const [request, { body, text = JSON.stringify(body), headers = {} }] of REQUESTS) {
    const [method = '', path = ''] = request.split(' ')
    const sent = new Headers(text === undefined ? {} : { 'Content-Type': 'application/json' })
    // The tag of the last response to the entry `mug`.
    for (const [name, value] of Object.entries(headers)) {
      sent.set(name, value === 'mug' ? (tags.get('/me/cart/mug') ?? '') : value)
    }
    const response = await session.fetch(path, { method, headers: sent, ...(text !== undefined && { body: text }) })
    const received = await response.text()
    const json = received === '' ? undefined : JSON.parse(received)
    const tag = response.headers.get('ETag')
    const isNewTag = tag !== null && tags.get(path) !== tag
    if (tag) tags.set(path, tag)
    results.push({
      request,
      status: response.status,
      code: response.ok ? undefined : json?.code,
      first: response.ok ? undefined : json?.errors?.[0].pointer,
      body: response.ok ? withoutTimes(json) : undefined,
      tag: tag === null ? 'none' : isNewTag ? 'new' : 'the same',
      isStrong: tag === null || /^"[^"]+"$/.test(tag),
    })
    await nextMoment()
  }
  return results
}

/** Merges a guest into an account. Resolves with all entries of the account, by the export. */
async function merge(open: () => Session): Promise<[of: string, key: string, value: unknown][]> {
  const [account, guest] = [open(), open()]
  const writers = { account, guest }
  await account.register(ADA)
  for (const [index, row] of MERGES.entries()) {
    for (const side of row.newest === 'guest' ? (['account', 'guest'] as const) : (['guest', 'account'] as const)) {
      await writers[side].collection(row.of).put(`row-${index}`, row[side])
      await nextMoment()
    }
  }
  for (const [side, of, key] of ONLY) {
    await writers[side].collection(of).put(key, 0)
    await nextMoment()
  }
  await guest.login(ADA)
  await expect(guest.collection('bag').put('c', 0)).rejects.toMatchObject({ reason: 'collection_full' })
  const { collections } = (await guest.export()) as { collections: Record<string, { key: string; value: unknown }[]> }
  return Object.entries(collections).flatMap(([of, list]) =>
    list.map(({ key, value }): [string, string, unknown] => [of, key, value]),
  )
}

/** Waits until the time in milliseconds is another one: entries of the same time are ordered by their keys. */
async function nextMoment(): Promise<void> {
  const before = Date.now()
  while (Date.now() === before) await new Promise((resolve) => setImmediate(resolve))
}

/** The body without what differs in each run. */
function withoutTimes(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || !('entries' in body)) return body
  const { entries, next } = body as { entries: { key: string; value: unknown }[]; next: string | null }
  return { entries: entries.map(({ key, value }) => [key, value]), hasNext: next !== null }
}
