// The options `fetch`, `headers` and `requests`, and `guestpass` of a request, with the compiled session manager.

import { getEventListeners } from 'node:events'
import { request as httpRequest } from 'node:http'
import { text } from 'node:stream/consumers'
import * as undici from 'undici'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createSession } from '../src/index.node.js'
import type { RequestOptions, Session, SessionEvent, SessionOptions } from '../src/types.js'
import { type Answer, GuestServer } from './guest-server.js'

let server: GuestServer
const sessions: Session[] = []

beforeEach(async () => {
  server = await GuestServer.listen()
})

afterEach(async () => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  for (const session of sessions.splice(0)) session.close()
  await server[Symbol.asyncDispose]()
})

function open(options: SessionOptions = {}) {
  const session = createSession({ baseUrl: server.url, storage: 'memory', ...options })
  const events: SessionEvent[] = []
  session.onEvent((event) => events.push(event))
  sessions.push(session)
  return { session, events }
}

const OTHER_PEOPLES_FETCH: [string, () => NonNullable<SessionOptions['fetch']>][] = [
  [
    'a service binding',
    () => {
      const real = globalThis.fetch
      const env = {
        API: {
          fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
            if (this !== env.API) throw new TypeError('Illegal invocation')
            return real(input, init)
          },
        },
      }
      return (input, init) => env.API.fetch(input, init)
    },
  ],
  [
    "SvelteKit's event.fetch",
    () => {
      const real = globalThis.fetch
      return async (info, init) => real(new Request(info instanceof Request ? info : new URL(info, server.url), init))
    },
  ],
  ['the native HTTP of a shell', () => nativeHttp],
  [
    'a library whose responses are of another realm',
    () => (input, init) => undici.fetch(String(input), init as undici.RequestInit) as unknown as Promise<Response>,
  ],
]

/** Knows no `fetch`: it sends a request by itself, and makes a `Response` of the result. */
function nativeHttp(input: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  return new Promise((resolve, reject) => {
    const headers = Object.fromEntries(new Headers(init.headers))
    if (init.body instanceof URLSearchParams) headers['content-type'] = 'application/x-www-form-urlencoded'
    const sent = httpRequest(String(input), { method: init.method ?? 'GET', headers }, async (message) => {
      const body = await text(message)
      resolve(new Response(body, { status: message.statusCode ?? 0, headers: message.headers as HeadersInit }))
    })
    sent.on('error', reject).end(init.body ? String(init.body) : undefined)
  })
}

describe.each(OTHER_PEOPLES_FETCH)('the option fetch: %s', (_, makeFetch) => {
  test('sends the login, the refresh, the replay, the revocation and the requests of callers', async () => {
    const own = vi.fn(makeFetch())
    vi.stubGlobal('fetch', () => {
      throw new Error('the global fetch')
    })
    const { session } = open({ fetch: own })

    const first = await session.fetch('/items/')
    server.refuseAccessTokens()
    const second = await session.fetch('/me/cart', { method: 'POST', body: 'tea' })
    await session.export()
    await session.signOut()
    await vi.waitFor(() => expect(server.count('/revoke')).toBe(1))

    expect([await first.json(), await second.json()]).toEqual(Array(2).fill({ visitor: 'anonymous_1' }))
    expect(server.seen.filter(({ path }) => path === '/me/cart').map(({ body }) => body)).toEqual(['tea', 'tea'])
    expect(own.mock.calls).toHaveLength(server.seen.length)
    expect(own.mock.contexts.every((context) => context === undefined)).toBe(true)
  })
})

test('the option fetch also sends requests that get no token, and a Request', async () => {
  const own = vi.fn(globalThis.fetch)
  const { session } = open({ fetch: own })

  await session.fetch(new Request(`${server.url}/public-data`))
  await session.fetch('/public-data', { guestpass: { token: false } })
  await session.fetch(server.url.replace('127.0.0.1', 'localhost'))

  expect(own).toHaveBeenCalledTimes(4)
})

const OWN = { Authorization: 'Bearer mine', 'content-type': 'text/x', 'Idempotency-Key': 'k', 'PROOF-OF-WORK': 'p' }

test.each<[string, SessionOptions['headers']]>([
  ['static', { 'X-Tenant': 'shop' }],
  ['of a function', () => [['x-tenant', 'shop']]],
  ['of an asynchronous function', async () => new Headers({ 'X-Tenant': 'shop', ...OWN })],
])('the option headers, %s: on the own requests of the session, and on no other', async (_, headers) => {
  const { session } = open({ headers } as SessionOptions)

  await session.fetch('/items/')
  server.refuseAccessTokens()
  await session.fetch('/items/')
  await session.export()
  await session.signOut()
  await vi.waitFor(() => expect(server.count('/revoke')).toBe(1))

  const tenants = server.requests.map(({ path, headers }) => [path, headers['x-tenant']])
  expect(tenants).toEqual([
    ['/anonymous-login', 'shop'],
    ['/items/', undefined],
    ['/items/', undefined],
    ['/token', 'shop'],
    ['/items/', undefined],
    ['/me/export', 'shop'],
    ['/revoke', 'shop'],
  ])
  const [login, refresh, account] = ['/anonymous-login', '/token', '/me/export'].map((path) => server.headersOf(path))
  expect(login).toMatchObject({ 'content-type': 'application/json', 'idempotency-key': expect.stringMatching(/.{22}/) })
  expect(login?.authorization).toBeUndefined()
  expect(login?.['proof-of-work']).toBeUndefined()
  expect(refresh?.['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
  expect(refresh?.authorization).toBeUndefined()
  expect(account?.authorization).toMatch(/^Bearer gpr_/)
})

test.each<[string, () => HeadersInit | Promise<HeadersInit>]>([
  ['throws', () => JSON.parse('{')],
  ['rejects', () => Promise.reject(new Error('no trace'))],
  ['returns what is no header', () => ({ 'not a name': '' })],
])('a function of headers that %s: the attempt fails like one without a network', async (_, fail) => {
  let calls = 0
  const { session, events } = open({ headers: () => (++calls === 1 ? fail() : {}) })

  expect((await session.fetch('/items/')).status).toBe(200)

  expect(events).toContainEqual(expect.objectContaining({ type: 'retrying', code: 'network' }))
  expect(calls).toBe(2)
  expect(server.count('/anonymous-login')).toBe(1)
})

test('C28: a request that was cancelled while its headers were awaited is not sent later', async () => {
  let give: (headers: HeadersInit) => void = () => {}
  const asked = vi.fn(() => new Promise<HeadersInit>((resolve) => (give = resolve)))
  const sent = vi.fn((_input: RequestInfo | URL, _init?: RequestInit) => Promise.resolve(new Response()))
  const { session } = open({ headers: asked, fetch: sent })
  session.token().catch(() => {})
  await vi.waitFor(() => expect(asked).toHaveBeenCalled())

  session.close()
  give({})
  await new Promise(setImmediate)

  expect(sent).not.toHaveBeenCalled()
})

test('token: false sends the request without the token, and needs no guest', async () => {
  const { session } = open()

  const response = await session.fetch('/items/', { guestpass: { token: false } })

  expect(response.status).toBe(401)
  expect(server.seen).toEqual([{ path: '/items/', token: undefined, body: '' }])
})

test('replay: false sends the request once, and the token is refreshed for the next one', async () => {
  const { session } = open()
  await session.fetch('/items/')
  server.refuseAccessTokens()

  const response = await session.fetch('/items/', { guestpass: { replay: false } })

  expect(response.status).toBe(401)
  expect(server.count('/items/')).toBe(2)
  expect((await session.fetch('/items/')).status).toBe(200)
  expect(server.count('/items/')).toBe(3)
})

test('C20: with replay: false, the body of a Request is neither cloned nor teed', async () => {
  const { session } = open()
  const defaults = open({ requests: { replay: false } }).session
  await Promise.all([session.token(), defaults.token()])
  const clone = vi.spyOn(Request.prototype, 'clone')
  const tee = vi.spyOn(ReadableStream.prototype, 'tee')
  /** The number of clones and tees while a stream is sent. Node's own `fetch` makes a tee. */
  const copies = async (send: (request: Request) => Promise<Response>) => {
    const before = clone.mock.calls.length + tee.mock.calls.length
    const init = { method: 'POST', body: new Blob(['tea']).stream(), duplex: 'half' } as RequestInit
    await send(new Request(`${server.url}/me/cart`, init))
    return clone.mock.calls.length + tee.mock.calls.length - before
  }

  const own = await copies(fetch)
  expect(await copies((request) => session.fetch(request, { guestpass: { replay: false } }))).toBe(own)
  expect(await copies(defaults.fetch)).toBe(own)
  expect(await copies(session.fetch)).toBeGreaterThan(own)
  expect(server.seen.filter(({ path }) => path === '/me/cart').map(({ body }) => body)).toEqual(Array(4).fill('tea'))
})

const BY_STATUS: RequestOptions = { isUnauthorized: ({ status }) => status === 419 || status === 401 }
const GRAPHQL: RequestOptions = {
  async isUnauthorized(response) {
    const { errors } = (await response.clone().json()) as { errors?: { extensions: { code: string } }[] }
    return errors?.some(({ extensions }) => extensions.code === 'UNAUTHENTICATED') ?? false
  },
}
const UNAUTHENTICATED: Answer = [200, { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] }]

test.each<[string, RequestOptions, Answer]>([
  ['419', BY_STATUS, [419, {}]],
  ['200 with UNAUTHENTICATED', GRAPHQL, UNAUTHENTICATED],
])(
  'C23: isUnauthorized decides: %s is refreshed and replayed, for a request and for a session',
  async (_, options, answer) => {
    const perRequest = open().session
    const perSession = open({ requests: options }).session
    for (const [session, guestpass] of [[perRequest, options] as const, [perSession, undefined] as const]) {
      server.answer('/graphql', answer, [200, { data: {} }])
      await session.token()
      const response = await session.fetch('/graphql', { method: 'POST', body: '{}', guestpass })
      expect(await response.json()).toEqual({ data: {} })
    }

    expect(server.count('/graphql')).toBe(4)
    expect(server.count('/token')).toBe(2)
  },
)

test('C23: isUnauthorized replaces the rule, and the last response goes to the caller as it is', async () => {
  const { session, events } = open({ requests: { isUnauthorized: () => false } })
  await session.token()

  expect((await session.fetch('/forbidden')).status).toBe(401)
  expect(server.count('/forbidden')).toBe(1)
  expect(events.filter(({ type }) => type === 'unauthorized')).toEqual([])

  server.answer('/graphql', UNAUTHENTICATED)
  const response = await session.fetch('/graphql', { guestpass: GRAPHQL })
  expect(await response.json()).toEqual(UNAUTHENTICATED[1])
})

test('an exception of isUnauthorized rejects the call, and the session goes on', async () => {
  const { session } = open()
  const failures = [
    () => {
      throw new Error('my own')
    },
    () => Promise.reject(new Error('my own')),
  ]
  for (const isUnauthorized of failures) {
    await expect(session.fetch('/items/', { guestpass: { isUnauthorized } })).rejects.toThrow('my own')
  }
  expect((await session.fetch('/items/')).status).toBe(200)
})

test('the options of a request replace those of the session one by one', async () => {
  const { session } = open({ requests: { token: false, replay: false } })

  await session.fetch('/items/')
  await session.fetch('/items/', { guestpass: { token: true } })
  await session.fetch('/items/', { guestpass: { token: undefined } })
  // A collection always has the token.
  await session
    .collection('cart')
    .remove('mug')
    .catch(() => {})

  const tokens = server.seen.filter(({ path }) => path !== '/anonymous-login').map(({ token }) => token)
  expect(tokens).toEqual([undefined, 'access-2', undefined, 'access-2'])
})

test('the error for a wrong option of a request names it', async () => {
  const { session } = open()
  await session.token()
  const wrong = [
    [{ tokn: false }, 'guestpass.tokn'],
    [{ token: 'no' }, 'guestpass.token must be a boolean'],
    [{ isUnauthorized: 419 }, 'guestpass.isUnauthorized must be a function'],
    [7, 'guestpass must be an object'],
  ] as const
  for (const [guestpass, message] of wrong) {
    // @ts-expect-error: the types find it, too
    const call = session.fetch('/items/', { guestpass })
    await expect(call).rejects.toMatchObject({ code: 'invalid_option', message: expect.stringContaining(message) })
  }
  expect(server.count('/items/')).toBe(0)
})

describe('C23: a 401 of POST /coupon that is about something else is sent once, without a rotation', () => {
  test.each([
    [undefined, 2],
    ['Bearer', 2],
    ['Bearer realm="shop", error="invalid_token"', 2],
    ['Basic realm="shop", Bearer', 2],
    ['Basic realm="shop"', 1],
    ['Bearer realm="a, b", error="insufficient_scope"', 1],
  ])('WWW-Authenticate: %s', async (challenge, times) => {
    const { session, events } = open()
    await session.token()
    server.answer('/coupon', [401, {}, challenge ? { 'WWW-Authenticate': challenge } : {}])

    const response = await session.fetch('/coupon', { method: 'POST', body: 'SPRING' })

    expect(response.status).toBe(401)
    expect(server.count('/coupon')).toBe(times)
    expect(server.count('/token')).toBe(times - 1)
    expect(events.some(({ type }) => type === 'unauthorized')).toBe(times === 2)
  })
})

describe('C25: what the caller passes never changes where a request goes', () => {
  const NOTHING_BUT_A_LOGIN = /^\/anonymous-login$/

  /** All calls, before and after the session manager is loaded. */
  async function eachTime(call: (session: Session) => Promise<unknown>) {
    const { session } = open()
    await call(session)
    await session.token()
    await call(session)
  }

  test("a Request of another library rejects like Node's fetch, and no other URL is asked for", async () => {
    const body = 'tea'
    const request = () => new undici.Request(`${server.url}/me/cart`, { method: 'POST', body }) as unknown as Request
    await expect(fetch(request())).rejects.toThrow(TypeError)

    await eachTime(async (session) => {
      await expect(session.fetch(request())).rejects.toThrow(TypeError)
      await expect(session.fetch(request(), { method: 'PUT' })).rejects.toThrow(TypeError)
    })

    expect(server.seen.map(({ path }) => path).filter((path) => !NOTHING_BUT_A_LOGIN.test(path))).toEqual([])
  })

  test('a Request of another library as init is read like any other init', async () => {
    const init = () =>
      new undici.Request(`${server.url}/ignored`, {
        method: 'POST',
        body: 'tea',
        headers: { 'X-Kept': 'kept' },
      }) as unknown as RequestInit

    await eachTime(async (session) => {
      expect((await session.fetch('/me/cart', init())).status).toBe(200)
    })

    const carts = server.requests.filter(({ path }) => path === '/me/cart')
    expect(carts.map(({ method, headers }) => [method, headers['x-kept']])).toEqual(Array(2).fill(['POST', 'kept']))
    expect(server.seen.filter(({ path }) => path === '/me/cart').map(({ body }) => body)).toEqual(['tea', 'tea'])
  })

  test('a Request that was made before the class was replaced is sent and replayed as it is', async () => {
    const old = () => new Original(`${server.url}/me/cart`, { method: 'POST', body: 'tea' })
    const Original = globalThis.Request
    vi.stubGlobal('Request', class extends Original {})

    await eachTime(async (session) => {
      server.refuseAccessTokens()
      expect((await session.fetch(old())).status).toBe(200)
    })

    expect(new Set(server.requests.map(({ path, method }) => `${method} ${path}`))).toEqual(
      new Set(['POST /anonymous-login', 'POST /me/cart', 'POST /token']),
    )
    expect(server.seen.filter(({ path }) => path === '/me/cart').every(({ body }) => body === 'tea')).toBe(true)
  })

  test('a getter of a subclass does not decide where the token goes', async () => {
    await using elsewhere = await GuestServer.listen()
    class Lying extends Request {
      override get url() {
        return `${server.url}/items/`
      }
    }

    await eachTime((session) => session.fetch(new Lying(`${elsewhere.url}/public-data`)))

    expect(elsewhere.seen.map(({ token }) => token)).toEqual([undefined, undefined])
  })

  test.each<[string, () => unknown]>([
    ['an object', () => ({ url: `${server.url}/items/`, method: 'GET' })],
    ['an object with the prototype of Request', () => Object.create(Request.prototype)],
    ['an array of another object', () => [{}]],
    ['a symbol', () => Symbol('/items/')],
    ['an object without a text', () => Object.create(null)],
  ])('%s in the place of a URL rejects with a TypeError', async (_, input) => {
    await eachTime(async (session) => {
      await expect(session.fetch(input() as string)).rejects.toThrow(TypeError)
    })

    expect(server.seen.map(({ path }) => path).filter((path) => !NOTHING_BUT_A_LOGIN.test(path))).toEqual([])
  })

  test('a URL of another library and an object with the text of a URL are that URL', async () => {
    const url = { toString: () => `${server.url}/items/` } as unknown as URL
    const relative = new String('/items/') as string

    await eachTime(async (session) => {
      expect((await session.fetch(url)).status).toBe(200)
      expect((await session.fetch(relative)).status).toBe(200)
    })
  })

  test('headers, a form and a signal of another library: what fetch does', async () => {
    const form = new undici.FormData()
    form.set('item', 'tea')
    const headers = new undici.Headers({ 'X-Kept': 'kept' }) as unknown as Headers
    const init = { method: 'POST', headers, body: form as unknown as FormData }
    await fetch(`${server.url}/public-data`, init)
    const plain = server.seen[0]
    const signal = {} as AbortSignal
    await expect(fetch(server.url, { signal })).rejects.toThrow(TypeError)

    await eachTime(async (session) => {
      await session.fetch('/public-data', init)
      await expect(session.fetch('/public-data', { signal })).rejects.toThrow(TypeError)
    })

    const sent = server.seen.filter(({ path }) => path === '/public-data')
    expect(sent).toHaveLength(3)
    const unbound = (body: string | undefined) => body?.replace(/-+formdata-undici-\d+/g, '')
    for (const { body } of sent) expect(unbound(body)).toBe(unbound(plain?.body))
    for (const { path, headers } of server.requests) if (path === '/public-data') expect(headers['x-kept']).toBe('kept')
  })
})

describe('C26: many calls with one signal', () => {
  let warnings: string[]
  const onWarning = (warning: Error) => warnings.push(warning.name)

  beforeEach(() => {
    warnings = []
    process.on('warning', onWarning)
  })

  afterEach(() => {
    process.off('warning', onWarning)
  })

  test('before a token is there: no warning, and no listener is left', async () => {
    const { signal } = new AbortController()
    // The listeners of Node's own `fetch` stay until its memory is collected.
    const { session } = open({ fetch: (input, { signal: _, ...init } = {}) => fetch(input, init) })
    const release = server.hold('/anonymous-login')
    const loading = Array.from({ length: 20 }, () => session.fetch('/items/', { signal }))
    const tokens = Array.from({ length: 2000 }, () => session.token({ signal }))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    await vi.waitFor(() => expect(server.count('/anonymous-login')).toBe(1))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    const waiting = Array.from({ length: 20 }, () => session.fetch('/items/', { signal }))
    const more = Array.from({ length: 2000 }, () => session.token({ signal }))
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)

    release()
    expect(new Set(await Promise.all([...tokens, ...more])).size).toBe(1)
    await Promise.all([...loading, ...waiting])
    await new Promise(setImmediate)

    expect(warnings).toEqual([])
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('an abort rejects all of its calls and no other, and leaves no listener', async () => {
    const [one, two] = [new AbortController(), new AbortController()]
    const { session } = open()
    const release = server.hold('/anonymous-login')
    const call = (signal: AbortSignal) => session.token({ signal }).catch((error) => error)
    const early = [one, two, one, two].map(({ signal }) => call(signal))
    await vi.waitFor(() => expect(server.count('/anonymous-login')).toBe(1))
    const late = [one, two, one, two].map(({ signal }) => call(signal))

    one.abort('enough')
    release()

    const expected = ['enough', 'access-2', 'enough', 'access-2']
    expect(await Promise.all([...early, ...late])).toEqual([...expected, ...expected])
    expect([one, two].flatMap(({ signal }) => getEventListeners(signal, 'abort'))).toEqual([])
  })

  test('an abort while the compiled code is loaded leaves no listener', async () => {
    const { signal, abort } = stopper()
    const { session } = open({ wasm: () => new Promise<never>(() => {}), timeout: 10_000 })
    const calls = Array.from({ length: 20 }, () => session.fetch('/items/', { signal }).catch((error) => error))
    await Promise.resolve()
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)

    abort('enough')

    expect(await Promise.all(calls)).toEqual(Array(20).fill('enough'))
    expect(getEventListeners(signal, 'abort')).toEqual([])
    expect(warnings).toEqual([])
  })
})

function stopper() {
  const controller = new AbortController()
  return { signal: controller.signal, abort: (reason: unknown) => controller.abort(reason) }
}
