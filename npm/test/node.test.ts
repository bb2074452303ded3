// Sessions with the compiled session manager, in Node, against an HTTP server.

import { afterEach, expect, test, vi } from 'vitest'
import { createSession } from '../src/index.node.js'
import type { CustomStorage, Session, SessionEvent, SessionOptions } from '../src/types.js'
import { GuestServer } from './guest-server.js'

const sessions: Session[] = []

afterEach(() => {
  vi.unstubAllGlobals()
  for (const session of sessions.splice(0)) session.close()
})

function open(server: GuestServer, options: SessionOptions = {}) {
  const session = createSession({ baseUrl: server.url, storage: 'memory', ...options })
  const events: SessionEvent[] = []
  session.onEvent((event) => events.push(event))
  sessions.push(session)
  return { session, events }
}

async function visitor(session: Session): Promise<unknown> {
  const response = await session.fetch('/items/')
  return response.json()
}

test('C1, C19: concurrent first calls create one guest and carry its token', async () => {
  await using server = await GuestServer.listen()
  const { session, events } = open(server)

  const results = await Promise.all([visitor(session), visitor(session), session.token()])

  expect(results).toEqual([{ visitor: 'anonymous_1' }, { visitor: 'anonymous_1' }, 'access-2'])
  expect(server.seen.filter(({ path }) => path === '/anonymous-login')).toEqual([
    { path: '/anonymous-login', token: undefined, body: '{"refresh":true}' },
  ])
  expect(session.getSnapshot()).toMatchObject({ status: 'active', id: 'anonymous_1', kind: 'guest' })
  expect(events).toContainEqual({ at: expect.any(Number), type: 'acquired', id: 'anonymous_1' })
})

test('C2: after expiry, 20 concurrent calls send one refresh and keep the guest', async () => {
  await using server = await GuestServer.listen()
  const { session, events } = open(server)
  await visitor(session)

  session.expire()
  const results = await Promise.all(Array.from({ length: 20 }, () => visitor(session)))

  expect(results).toEqual(Array(20).fill({ visitor: 'anonymous_1' }))
  expect(server.count('/token')).toBe(1)
  expect(server.count('/anonymous-login')).toBe(1)
  expect(events).toContainEqual(expect.objectContaining({ type: 'refreshed', id: 'anonymous_1' }))
})

test('start with an empty storage leaves the session idle', async () => {
  await using server = await GuestServer.listen()
  const { session } = open(server)

  await session.start()

  expect(session.getSnapshot().status).toBe('idle')
  expect(server.seen).toEqual([])
})

test('the global fetch is called without a this value, as browsers require', async () => {
  await using server = await GuestServer.listen()
  const { session } = open(server)
  const real = globalThis.fetch
  globalThis.fetch = function (this: unknown, ...args) {
    if (this !== undefined && this !== globalThis) throw new TypeError('Illegal invocation')
    return real(...args)
  }
  try {
    await visitor(session)
    await session.fetch(`${server.url.replace('127.0.0.1', 'localhost')}/public-data`)
  } finally {
    globalThis.fetch = real
  }
})

test('C3: after a 401 a request is sent once more, with its body and a new token', async () => {
  await using server = await GuestServer.listen()
  const { session } = open(server)
  await visitor(session)
  server.refuseAccessTokens()

  const response = await session.fetch('/me/cart', { method: 'POST', body: '{"item_id":1}' })

  expect(response.status).toBe(200)
  const sent = server.seen.filter(({ path }) => path === '/me/cart')
  expect(sent.map(({ body }) => body)).toEqual(['{"item_id":1}', '{"item_id":1}'])
  expect(new Set(sent.map(({ token }) => token)).size).toBe(2)
})

test('C10: when the server has ended the session, an event names the lost guest and the new guest', async () => {
  await using server = await GuestServer.listen()
  const { session, events } = open(server)
  await visitor(session)
  server.endSessions()

  const response = await session.fetch('/me')
  const { visitor: newId } = (await response.json()) as { visitor: string }

  expect(newId).not.toBe('anonymous_1')
  expect(events).toContainEqual(
    expect.objectContaining({ type: 'identity', oldId: 'anonymous_1', newId, reason: 'invalid_grant' }),
  )
  expect(session.getSnapshot().id).toBe(newId)
})

test('C12: a request to another origin carries no token, unless the origin is allowed', async () => {
  await using server = await GuestServer.listen()
  await using other = await GuestServer.listen()
  const { session } = open(server)
  const { session: allowing } = open(server, { allowedOrigins: [other.url] })

  await session.fetch(`${other.url}/public-data`)
  await allowing.fetch(`${other.url}/public-data`)

  expect(other.seen).toEqual([
    { path: '/public-data', token: undefined, body: '' },
    { path: '/public-data', token: expect.stringMatching(/^access-/), body: '' },
  ])
})

test('C16: closing rejects waiting calls with closed', async () => {
  await using server = await GuestServer.listen()
  const { session } = open(server)
  await session.start()

  const waiting = session.token()
  session.close()

  await expect(waiting).rejects.toMatchObject({ name: 'GuestpassError', code: 'closed' })
  await expect(session.fetch('/items/')).rejects.toMatchObject({ code: 'closed' })
  expect(session.getSnapshot().status).toBe('closed')
})

test('C5: aborting one call does not affect the others', async () => {
  await using server = await GuestServer.listen()
  const { session } = open(server)
  await session.start()
  const controller = new AbortController()

  const aborted = session.token({ signal: controller.signal })
  const kept = session.token()
  controller.abort('changed my mind')

  await expect(aborted).rejects.toBe('changed my mind')
  expect(await kept).toBe('access-2')
})

test('C8: the revocation is sent with keepalive, so that it outlives the page', async () => {
  await using server = await GuestServer.listen()
  using fetch = vi.spyOn(globalThis, 'fetch')
  const { session } = open(server)
  await session.token()

  await session.signOut()
  await expect.poll(() => fetch.mock.calls.length).toBe(2)

  const sent = fetch.mock.calls.map(([url, init]) => [String(url).slice(server.url.length), init?.keepalive])
  expect(sent).toEqual([
    ['/anonymous-login', false],
    ['/revoke', true],
  ])
})

test('C8: signing out revokes the session, and the next request creates another guest', async () => {
  await using server = await GuestServer.listen()
  const { session } = open(server)
  await visitor(session)

  await session.signOut()
  expect(session.getSnapshot()).toMatchObject({ status: 'signed_out', id: null })
  await visitor(session)

  expect(server.count('/anonymous-login')).toBe(2)
  await expect.poll(() => server.seen.find(({ path }) => path === '/revoke')?.body).toMatch(/token=gpr_2/)
})

test('C9: an unreachable server gives a typed error, and the snapshot has the error and the time of the next attempt', async () => {
  await using server = await GuestServer.listen()
  const { session } = open(server, { timeout: 300 })
  await server[Symbol.asyncDispose]()

  await expect(session.token()).rejects.toMatchObject({ name: 'GuestpassError', code: /^(network|timeout)$/ })

  expect(session.getSnapshot()).toMatchObject({ status: 'unavailable', error: { code: 'network' } })
  expect(session.getSnapshot().error?.retryAt).toEqual(expect.any(Number))
})

test('C12: a redirect to another origin never carries the token', async () => {
  await using server = await GuestServer.listen()
  await using other = await GuestServer.listen()
  const { session } = open(server)

  await session.fetch(`/elsewhere?to=${other.url}/public-data`, { method: 'POST', body: 'kept' })

  expect(server.seen.at(-1)).toMatchObject({ path: '/elsewhere', token: expect.stringMatching(/^access-/) })
  expect(other.seen).toEqual([{ path: '/public-data', token: undefined, body: 'kept' }])
})

test('C20: a stream is sent once, and the caller gets the 401', async () => {
  await using server = await GuestServer.listen()
  const { session } = open(server)
  await visitor(session)
  server.refuseAccessTokens()
  const body = new Blob(['a stream']).stream()

  const init = { method: 'POST', body, duplex: 'half' } as RequestInit
  const response = await session.fetch('/me/cart', init)

  expect(response.status).toBe(401)
  expect(server.seen.filter(({ path }) => path === '/me/cart').map(({ body }) => body)).toEqual(['a stream'])
})

test.each([
  ['synchronous', (value: string | undefined) => value],
  ['asynchronous', async (value: string | undefined) => value],
])('a session is stored in a %s custom storage in Node', async (_, wrap) => {
  await using server = await GuestServer.listen()
  const texts = new Map<string, string>()
  const storage: CustomStorage = {
    get: (key) => wrap(texts.get(key)),
    set: (key, value) => wrap(texts.set(key, value).get(key)),
  }
  const first = open(server, { storage, name: 'kept' })
  const token = await first.session.token()
  first.session.close()

  const second = open(server, { storage, name: 'kept' })

  expect(await second.session.token()).toBe(token)
  expect([...texts.keys()]).toEqual([`guestpass:kept@${server.url}`])
  expect(second.events.map(({ type }) => type)).toEqual(['restored'])
})

test('C12: two sessions of different servers that share a storage never mix their tokens', async () => {
  await using server = await GuestServer.listen()
  await using other = await GuestServer.listen()
  const texts = new Map<string, string>()
  const storage: CustomStorage = {
    shared: true,
    get: (key) => texts.get(key),
    set: (key, value) => void texts.set(key, value),
  }
  const [shop, reviews] = [open(server, { storage }).session, open(other, { storage }).session]
  for (let refreshes = 0; refreshes < 3; refreshes += 1) {
    await shop.fetch('/items/')
    shop.expire()
  }

  await reviews.fetch('/items/')
  reviews.expire()
  await reviews.fetch('/items/')

  expect([...texts.keys()]).toEqual([`guestpass:default@${server.url}`, `guestpass:default@${other.url}`])
  const stored = JSON.parse(texts.get(`guestpass:default@${server.url}`) ?? '{}').credential
  const sent = JSON.stringify(other.seen)
  expect(sent).toContain('/anonymous-login')
  expect(sent).not.toContain(stored.access_token)
  expect(sent).not.toContain(stored.refresh_token)
})

test('C14: a failing custom storage is reported by an event, and the session goes on', async () => {
  await using server = await GuestServer.listen()
  const storage: CustomStorage = { get: () => null, set: () => Promise.reject(new Error('disk full')) }
  const { session, events } = open(server, { storage })

  expect(await visitor(session)).toEqual({ visitor: 'anonymous_1' })

  expect(events).toContainEqual(expect.objectContaining({ type: 'storage', state: 'memory' }))
})

test('C13: the debug log has a line for each step, and no token', async () => {
  await using server = await GuestServer.listen()
  const lines: string[] = []
  const { session } = open(server, { debug: (line) => lines.push(line) })

  await visitor(session)
  session.expire()
  await visitor(session)

  expect(lines).toContainEqual(expect.stringMatching(/^token-wanted~\d+ → make-key#\d+ \| acquiring$/))
  expect(lines).toContainEqual(expect.stringMatching(/^responded#\d+:200 → .*settle~\d+:token \| active$/))
  expect(lines.join()).not.toMatch(/access-|gpr_|anonymous_/)
})

test('C4: token rejects after its own timeout', async () => {
  await using server = await GuestServer.listen()
  const { session } = open(server)
  await server[Symbol.asyncDispose]()

  await expect(session.token({ timeout: 50 })).rejects.toMatchObject({ code: /^(network|timeout)$/ })
})

test("the session's own requests pass a URL and an init, which the fetch of undici or node-fetch accepts", async () => {
  await using server = await GuestServer.listen()
  const real = globalThis.fetch
  // The fetch of undici and of node-fetch does not accept a `Request` of another realm.
  vi.stubGlobal('fetch', (input: unknown, init?: RequestInit) => real(`${input}`, init))
  const { session } = open(server)

  expect(await visitor(session)).toEqual({ visitor: 'anonymous_1' })
  session.expire()
  expect(await visitor(session)).toEqual({ visitor: 'anonymous_1' })
  expect(server.count('/token')).toBe(1)
})
