// Requests of a returning visitor, which are sent with the stored token before the session manager is loaded.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { GuestpassError } from '../src/errors.js'
import { createSession } from '../src/index.node.js'
import { TRANSPORT, type TransportInit } from '../src/transport.js'
import type { GuestpassRequestInit, SessionOptions } from '../src/types.js'
import { setUp } from './fake-manager.js'
import { GuestServer } from './guest-server.js'

const KEY = 'guestpass:default@https://shop.example'
const HOUR = 3_600_000

const stored = new Map<string, string>()
const storage = {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, text: string) => void stored.set(key, text),
}
const sent = vi.fn(async (_input: RequestInfo | URL, _init?: RequestInit) => new Response('sent'))

beforeEach(() => {
  stored.clear()
  sent.mockReset().mockImplementation(async () => new Response('sent'))
  vi.stubGlobal('window', globalThis)
  vi.stubGlobal('localStorage', storage)
  vi.stubGlobal('sessionStorage', storage)
  vi.stubGlobal('fetch', sent)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

/** The stored record of a guest, as the session manager writes it. */
function record(changed: object = {}, credential: object | null = {}) {
  return JSON.stringify({
    ...{ v: 2, epoch: 0, generation: 1, end_reason: 'signed_out', acquire_key: null },
    credential: credential && {
      ...{ access_token: 'stored', refresh_token: 'gpr_1', id: 'anonymous_1' },
      ...{ lifetime: HOUR, expires_at: Date.now() + HOUR / 2 },
      ...credential,
    },
    ...changed,
  })
}

/** The headers with which each request was sent. */
const sentHeaders = () => sent.mock.calls.map(([, init]) => Object.fromEntries(new Headers(init?.headers)))

test('a request with a valid stored token does not wait; then the session manager is loaded, and the session is in use', async () => {
  stored.set(KEY, record())
  const { module, session } = setUp()

  const response = await session.fetch('/items?page=2', { headers: { Accept: 'text/plain' }, cache: 'reload' })
  const loaded = module.loads

  expect(await response.text()).toBe('sent')
  expect(sent.mock.calls[0]?.[0]).toBe('https://shop.example/items?page=2')
  expect(sent.mock.calls[0]?.[1]?.cache).toBe('reload')
  expect(sentHeaders()).toEqual([{ accept: 'text/plain', authorization: 'Bearer stored' }])
  expect(loaded).toBe(0)
  await vi.waitFor(() => expect(module.loads).toBe(1))
  module.succeed()
  await vi.waitFor(() => expect(module.manager.calls).toEqual(['token']))
  await session.fetch('/items')
  expect(sent).toHaveBeenCalledTimes(1)
})

test.each<[string, SessionOptions, string?]>([
  ['in sessionStorage', { storage: 'session' }],
  ['of a session with a name', { name: 'admin' }, 'guestpass:admin@https://shop.example'],
  ['of a server with a path', { baseUrl: 'https://shop.example/api/' }, 'guestpass:default@https://shop.example/api'],
  ['of a session with its own fetch', { fetch: sent }],
])('the stored token %s is used', async (_what, options, key = KEY) => {
  stored.set(key, record())

  await setUp(options).session.fetch('https://shop.example/items', { method: 'head' })

  expect(sentHeaders()).toEqual([{ authorization: 'Bearer stored' }])
})

test('C12: the stored token goes to allowed origins only, and only that of the same server', async () => {
  stored.set(KEY, record())
  const { session } = setUp({ allowedOrigins: ['https://api.example'] })

  for (const url of ['https://api.example/', 'https://elsewhere.example/', 'https://shop.example:8443/'])
    await session.fetch(url)
  const other = setUp({ baseUrl: 'https://other.example', allowedOrigins: ['https://shop.example'] })
  const call = other.session.fetch('https://shop.example/items')
  other.module.succeed()
  await call

  expect(sentHeaders()).toEqual([{ authorization: 'Bearer stored' }, {}, {}])
  expect(other.module.manager.calls).toEqual(['fetch https://shop.example/items'])
})

const transport = async () => ({ status: 204, redirected: false, url: '', body: null })

test.each<[string, RequestInfo | URL, (TransportInit | undefined)?, SessionOptions?]>([
  ['with another method', '/items', { method: 'DELETE' }],
  ['with a body', '/items', { body: 'x' }],
  ['of a Request', new Request('https://shop.example/items')],
  ['of a Request as its init', '/items', new Request('https://shop.example/') as GuestpassRequestInit],
  ['with its own options', '/items', { guestpass: { replay: false } }],
  ["with the session's option requests", '/items', undefined, { requests: { replay: false } }],
  ['of a transport', '/items', { [TRANSPORT]: transport }],
  ['of a session with a log', '/items', undefined, { debug: () => {} }],
  ['of a session in memory', '/items', undefined, { storage: 'memory' }],
  ['of a session in IndexedDB', '/items', undefined, { storage: 'indexeddb' }],
  ['of a session with its own storage', '/items', undefined, { storage: { get: () => record(), set() {} } }],
])('a request %s waits for the session manager', async (_what, input, init, options) => {
  stored.set(KEY, record())
  const { module, session } = setUp(options)

  const call = session.fetch(input, init)
  module.succeed()
  await call

  expect(sent).not.toHaveBeenCalled()
  expect(module.manager.calls).toHaveLength(1)
})

test.each([
  ['has expired', record({}, { expires_at: Date.now() - 1 })],
  ['is about to expire', record({}, { expires_at: Date.now() + 4_000 })],
  ['is about to expire, and short-lived', record({}, { lifetime: 10_000, expires_at: Date.now() + 900 })],
  [
    'lives longer than its lifetime, because the clock was set back',
    record({}, { expires_at: Date.now() + HOUR + 60_000 }),
  ],
  ['has no known expiry', record({}, { lifetime: null, expires_at: null })],
  ['is of the old format', record({ v: 1 })],
  ['is of a newer format', record({ v: 3 })],
  ['is of a session that has ended', record({}, null)],
  ['is not readable', '{"v":2'],
  ['is no text', record({}, { access_token: 7 })],
])('a request waits for the session manager if the stored token %s', async (_what, text) => {
  stored.set(KEY, text)
  const { module, session } = setUp()

  const call = session.fetch('/items')
  module.succeed()
  await call

  expect(sent).not.toHaveBeenCalled()
  expect(module.manager.calls).toEqual(['fetch /items'])
})

test.each<[string, () => void]>([
  [
    'throws',
    () =>
      vi.stubGlobal('localStorage', {
        getItem: () => {
          throw new DOMException('denied', 'SecurityError')
        },
      }),
  ],
  ['is missing', () => vi.stubGlobal('localStorage', null)],
  ['is that of Node, which sessions do not use', () => vi.stubGlobal('window', undefined)],
])('a request waits for the session manager if the storage %s', async (_what, change) => {
  stored.set(KEY, record())
  change()
  const { module, session } = setUp()

  const call = session.fetch('/items')
  module.succeed()
  await call

  expect(sent).not.toHaveBeenCalled()
})

test.each<[string, (session: ReturnType<typeof setUp>['session']) => Promise<unknown>]>([
  ['a sign-out', (session) => session.signOut()],
  ['a login', (session) => session.login({ email: 'ada@shop.example', password: 'secret' })],
  ['an erasure', (session) => session.erase()],
])('a request after %s waits for it', async (_what, change) => {
  stored.set(KEY, record())
  const { module, session } = setUp()

  const calls = [change(session), session.fetch('/items')]
  module.succeed()
  await Promise.all(calls)

  expect(sent).not.toHaveBeenCalled()
  expect(module.manager.calls.at(-1)).toBe('fetch /items')
})

test('after a load that failed, a request is sent with the stored token', async () => {
  stored.set(KEY, record())
  const { module, session } = setUp()
  const signedOut = session.signOut()
  module.fail(new GuestpassError('load_failed', 'no such file'))
  await expect(signedOut).rejects.toMatchObject({ code: 'load_failed' })

  expect(await (await session.fetch('/items')).text()).toBe('sent')
})

test('a failure of the network and an abort reject as with fetch', async () => {
  stored.set(KEY, record())
  const { module, session } = setUp()
  const { signal } = new AbortController()
  sent.mockRejectedValueOnce(new TypeError('Failed to fetch'))

  await expect(session.fetch('/items', { signal })).rejects.toThrow('Failed to fetch')

  expect(sent.mock.calls[0]?.[1]?.signal).toBe(signal)
  expect(module.loads).toBe(0)
})

test('a 401 after the session was closed rejects', async () => {
  stored.set(KEY, record())
  const { session } = setUp()
  sent.mockImplementationOnce(async () => {
    session.close()
    return new Response(null, { status: 401 })
  })

  await expect(session.fetch('/items')).rejects.toMatchObject({ code: 'closed' })
})

/** Publishes an early login, as the inline script does. */
function logInEarly(token: Promise<string | undefined>) {
  vi.stubGlobal(KEY, { token })
}

test('in a first visit, a request is sent with the token of the early login while the session manager is loaded', async () => {
  logInEarly(Promise.resolve('early'))
  const { module, session } = setUp()

  const response = await session.fetch('/items')

  expect(await response.text()).toBe('sent')
  expect(sentHeaders()).toEqual([{ authorization: 'Bearer early' }])
  expect(module.loads).toBe(1)
  module.succeed()
  await vi.waitFor(() => expect(module.manager.calls).toContain('token'))
  expect(module.manager.calls).not.toContain('fetch https://shop.example/items')
})

test('a request does not wait for the early login longer than for the session manager', async () => {
  logInEarly(new Promise(() => {}))
  const { module, session } = setUp()

  const call = session.fetch('/items')
  module.succeed()
  await call

  expect(sent).not.toHaveBeenCalled()
  expect(module.manager.calls).toEqual(['token', 'fetch https://shop.example/items'])
})

test('after an early login that failed, a request waits for the session manager', async () => {
  logInEarly(Promise.resolve(undefined))
  const { module, session } = setUp()

  const call = session.fetch('/items', { headers: { Accept: 'text/plain' } })
  await Promise.resolve()
  module.succeed()
  await call

  expect(sent).not.toHaveBeenCalled()
  expect([...new Headers(module.manager.inits[0]?.headers)]).toEqual([['accept', 'text/plain']])
})

test('C4: a request that waits for an early login has a timeout, and can be aborted', async () => {
  logInEarly(new Promise(() => {}))
  const { session } = setUp({ timeout: 1 })
  const controller = new AbortController()

  const calls = [session.fetch('/items'), session.fetch('/items', { signal: controller.signal })]
  controller.abort(new Error('gone'))

  expect(await Promise.allSettled(calls)).toMatchObject([
    { reason: { code: 'timeout' } },
    { reason: { message: 'gone' } },
  ])
})

test('C3: a 401 to the token of the early login goes through the session manager once', async () => {
  logInEarly(Promise.resolve('early'))
  const { module, session } = setUp()
  const refused = new Response('refused', { status: 401 })
  sent.mockResolvedValueOnce(refused)

  const call = session.fetch('/items')
  await vi.waitFor(() => expect(sent).toHaveBeenCalledTimes(1))
  module.succeed()
  await call
  const [init] = module.manager.inits as TransportInit[]
  const transport = (token: string) => init?.[TRANSPORT]?.('', { headers: { Authorization: `Bearer ${token}` } })

  expect(await transport('early')).toBe(refused)
  expect(await transport('renewed')).toMatchObject({ status: 200 })
  expect(sentHeaders()).toEqual([{ authorization: 'Bearer early' }, { authorization: 'Bearer renewed' }])
})

test.each<[string, SessionOptions]>([
  ['with its own fetch', { fetch: sent }],
  ['with headers for its own requests', { headers: { 'X-Shop': '1' } }],
  ['in sessionStorage', { storage: 'session' }],
  ['of another name', { name: 'admin' }],
])('a session %s does not use the early login', async (_what, options) => {
  logInEarly(Promise.resolve('early'))
  const { module, session } = setUp(options)

  const call = session.fetch('/items')
  module.succeed()
  await call

  expect(sent).not.toHaveBeenCalled()
})

/** A visitor of a real server with a stored session, and a new session with the compiled session manager for each page. */
async function visitor() {
  vi.stubGlobal('fetch', realFetch)
  const server = await GuestServer.listen()
  const open = () => {
    const session = createSession({ baseUrl: server.url })
    const events: string[] = []
    session.onEvent(({ type }) => events.push(type))
    return { session, events }
  }
  const first = open().session
  await first.fetch('/items/')
  first.close()
  server.seen.length = 0
  return { server, open, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() }
}

const realFetch = globalThis.fetch

/** The requests that the server has received, with their tokens. */
const requests = (server: GuestServer) => server.seen.map(({ path, token }) => [path, token].filter(Boolean).join(' '))

test('C3: a 401 about the stored token renews it, and the request is replayed once', async () => {
  await using page = await visitor()
  const { session, events } = page.open()
  page.server.refuseAccessTokens()

  const response = await session.fetch('/items/')

  expect(await response.json()).toEqual({ visitor: 'anonymous_1' })
  expect(requests(page.server)).toEqual(['/items/ access-2', '/token', '/items/ access-3'])
  expect(events).toEqual(expect.arrayContaining(['unauthorized', 'refreshed']))
  session.close()
})

test('C3: a second 401 is passed to the caller, with its body', async () => {
  await using page = await visitor()
  const { session } = page.open()

  const response = await session.fetch('/forbidden')

  expect([response.status, await response.json()]).toEqual([401, { title: 'Unauthorized' }])
  expect(requests(page.server)).toEqual(['/forbidden access-2', '/token', '/forbidden access-3'])
  session.close()
})

test('C3: if another tab has renewed the token meanwhile, the request is sent once more only', async () => {
  await using page = await visitor()
  const { session } = page.open()
  const respond = page.server.hold('/forbidden')
  const call = session.fetch('/forbidden')
  await vi.waitFor(() => expect(page.server.count('/forbidden')).toBe(1))
  const other = page.open().session
  await other.start()
  other.expire()
  await other.token()
  respond()

  const response = await call

  expect([response.status, await response.json()]).toEqual([401, { title: 'Unauthorized' }])
  expect(requests(page.server).filter((request) => request !== '/token')).toEqual([
    '/forbidden access-2',
    '/forbidden access-3',
  ])
  session.close()
  other.close()
})

test('C8, C10: if another tab has signed out meanwhile, the 401 goes to the caller', async () => {
  await using page = await visitor()
  const { session } = page.open()
  const respond = page.server.hold('/forbidden')
  const call = session.fetch('/forbidden')
  await vi.waitFor(() => expect(page.server.count('/forbidden')).toBe(1))
  const other = page.open().session
  await other.signOut()
  respond()

  const response = await call

  expect([response.status, await response.json()]).toEqual([401, { title: 'Unauthorized' }])
  expect(page.server.count('/forbidden')).toBe(1)
  session.close()
  other.close()
})

test('C23: a 401 that is not about the token is passed to the caller, and renews nothing', async () => {
  await using page = await visitor()
  const { session } = page.open()
  page.server.answer('/items/', [401, { title: 'Unauthorized' }, { 'www-authenticate': 'Basic realm="shop"' }])

  const response = await session.fetch('/items/')

  expect([response.status, await response.json()]).toEqual([401, { title: 'Unauthorized' }])
  expect(requests(page.server)).toEqual(['/items/ access-2'])
  session.close()
})

test('a session with a stored token becomes active after its first request, without another one', async () => {
  await using page = await visitor()
  const { session, events } = page.open()

  await (await session.fetch('/items/')).json()
  await vi.waitFor(() => expect(session.getSnapshot()).toMatchObject({ status: 'active', id: 'anonymous_1' }))

  expect(requests(page.server)).toEqual(['/items/ access-2'])
  expect(events).not.toContain('acquired')
  session.close()
})

test('a request that is aborted between the 401 and the replay is not replayed', async () => {
  await using page = await visitor()
  const { session } = page.open()
  page.server.refuseAccessTokens()
  const respond = page.server.hold('/token')
  const controller = new AbortController()

  const call = session.fetch('/items/', { signal: controller.signal })
  await vi.waitFor(() => expect(page.server.count('/token')).toBe(1))
  controller.abort(new Error('gone'))
  await expect(call).rejects.toThrow('gone')
  respond()
  await session.token()

  expect(page.server.count('/items/')).toBe(1)
  session.close()
})
