// The entry `guestpass/testing`: the real session manager against the test server.

import axios from 'axios'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { attachSession } from '../src/axios.js'
import { createSession } from '../src/index.node.js'
import { createTestClock, createTestServer, type TestClock, type TestServer } from '../src/testing/index.js'
import type { Session, SessionEvent } from '../src/types.js'

const FIRST = 'anonymous_00000000-0000-4000-8000-000000000001'
const SECOND = 'anonymous_00000000-0000-4000-8000-000000000002'

let server: TestServer
let clock: TestClock

beforeEach(() => {
  server = createTestServer()
  clock = createTestClock()
  server.on('GET /items', ({ guest }) => Response.json({ guest }))
})

afterEach(() => {
  server.uninstall()
  clock.uninstall()
  vi.useRealTimers()
})

async function guestOf(session: Session, path = '/items'): Promise<unknown> {
  const response = await session.fetch(path)
  return response.ok ? (await response.json()).guest : response.status
}

function eventLog(session: Session): string[] {
  const lines: string[] = []
  session.onEvent(({ at, type, ...more }: SessionEvent) => lines.push(`${at} ${type} ${JSON.stringify(more)}`))
  return lines
}

test('C19: concurrent calls create one guest, whose id is the same in every run', async () => {
  const session = server.createSession()

  expect(await Promise.all([guestOf(session), guestOf(session)])).toEqual([FIRST, FIRST])

  expect(server.guests).toEqual([FIRST])
  expect(server.requests.map(({ method, path, guest, status }) => [method, path, guest, status])).toEqual([
    ['POST', '/anonymous-login', null, 200],
    ['GET', '/items', FIRST, 200],
    ['GET', '/items', FIRST, 200],
  ])
})

test('after the token has expired, one refresh serves all calls', async () => {
  const session = server.createSession()
  await guestOf(session)

  await clock.advance(15 * 60_000)
  expect(await Promise.all([guestOf(session), guestOf(session)])).toEqual([FIRST, FIRST])

  expect(server.count('/token')).toBe(1)
})

test('C3: expire() makes the server refuse issued tokens, and the session replays', async () => {
  const session = server.createSession()
  server.on('POST /orders', ({ guest }) => Response.json({ guest }))
  await guestOf(session)
  server.expire()

  const response = await session.fetch('/orders', { method: 'POST', body: 'tea' })

  expect(response.status).toBe(200)
  const orders = server.requests.filter(({ path }) => path === '/orders')
  expect(orders.map(({ status, body }) => [status, body])).toEqual([
    [401, 'tea'],
    [200, 'tea'],
  ])
})

test('C10: revoke() ends one session or all sessions, and an event names the lost guest', async () => {
  const session = server.createSession()
  const other = server.createSession({ name: 'other' })
  const events = eventLog(session)
  await guestOf(session)
  await guestOf(other)

  server.revoke(FIRST)
  expect(await guestOf(session)).not.toBe(FIRST)
  expect(await guestOf(other)).toBe(SECOND)
  expect(events.some((line) => line.includes(`identity {"oldId":"${FIRST}"`))).toBe(true)

  server.revoke()
  expect(await guestOf(other)).not.toBe(SECOND)
})

describe('fail()', () => {
  test('with a status: the session is unavailable until retryAt, and then goes on by itself', async () => {
    const session = server.createSession()
    server.fail({ path: '/anonymous-login', with: 503, retryAfter: 7 })

    const waiting = guestOf(session)
    await clock.settle()
    expect(session.getSnapshot()).toMatchObject({ status: 'unavailable', error: { code: 'unavailable' } })
    expect(session.getSnapshot().error?.retryAt).toBeGreaterThanOrEqual(clock.now + 7000)

    await clock.advance(15_000)
    expect(await waiting).toBe(FIRST)
  })

  test('with a lost response: the session gets the guest that the server has made', async () => {
    const session = server.createSession()
    server.fail({ path: '/anonymous-login', with: 'lost' })

    const waiting = guestOf(session)
    await clock.advance(15_000)

    expect(await waiting).toBe(FIRST)
    expect(server.count('/anonymous-login')).toBe(2)
    expect(server.guests).toEqual([FIRST])
  })

  test('without the network: the server does not receive the request', async () => {
    const session = server.createSession()
    server.fail({ path: '/anonymous-login', with: 'network' })

    const waiting = guestOf(session)
    await clock.advance(15_000)

    expect(await waiting).toBe(FIRST)
    expect(server.count('/anonymous-login')).toBe(1)
  })

  test('applies to its method and path, as many times as given, until it is removed', async () => {
    const session = server.createSession()
    await guestOf(session)
    server.fail({ method: 'POST', path: '/items', with: 500 })
    server.fail({ path: '/items', with: 418, times: 2 })
    const stop = server.fail({ path: '/items', with: 500, times: 9 })

    expect([await guestOf(session), await guestOf(session), await guestOf(session)]).toEqual([418, 418, 500])
    stop()
    expect(await guestOf(session)).toBe(FIRST)
  })
})

test('C9: offline, requests fail and the session is kept; online, requests succeed again', async () => {
  const session = server.createSession()
  await guestOf(session)
  session.expire()

  server.goOffline()
  const waiting = guestOf(session)
  await clock.advance(5000)
  expect(session.getSnapshot()).toMatchObject({ status: 'unavailable', id: FIRST })

  server.goOnline()
  await clock.advance(30_000)
  expect(await waiting).toBe(FIRST)
})

test('C5: an aborted call does not wait for the response of a route', async () => {
  const session = server.createSession()
  let respond = (_response: Response) => {}
  const slow = new Promise<Response>((resolve) => {
    respond = resolve
  })
  server.on('GET /slow', () => slow)
  await session.token()

  await expect(session.fetch('/slow', { signal: AbortSignal.timeout(50) })).rejects.toThrow(
    expect.objectContaining({ name: 'TimeoutError' }),
  )

  const controller = new AbortController()
  const waiting = session.fetch('/slow', { signal: controller.signal }).catch((error) => error)
  await clock.settle()
  controller.abort('enough')
  expect(await waiting).toBe('enough')

  const other = session.fetch('/slow')
  respond(Response.json('late'))
  expect(await (await other).json()).toBe('late')
})

test('a used refresh token is accepted in the grace period and until its successor is used, and later ends the session', async () => {
  const login = await server.fetch(`${server.origin}/anonymous-login`, { method: 'POST', body: '{"refresh":true}' })
  const { refresh_token } = await login.json()
  const refresh = async () => {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token })
    const response = await server.fetch(`${server.origin}/token`, { method: 'POST', body })
    return response.json()
  }

  const { refresh_token: next, access_token } = await refresh()
  await clock.advance(60_000)
  expect(await refresh()).toMatchObject({ refresh_token: next })
  await clock.advance(1)
  // The client has not shown yet that it has the next token: the response may have been lost.
  expect(await refresh()).toMatchObject({ refresh_token: next })

  await server.fetch(`${server.origin}/me`, { headers: { Authorization: `Bearer ${access_token}` } })
  expect(await refresh()).toEqual({ error: 'invalid_grant' })
})

test('the app’s own session reaches the server, and other origins are not affected', async () => {
  const real = globalThis.fetch
  const elsewhere = vi.fn(async () => new Response('elsewhere'))
  globalThis.fetch = elsewhere
  server.install()
  const session = createSession({ baseUrl: server.origin, storage: 'memory' })

  expect(await guestOf(session)).toBe(FIRST)
  expect(await (await fetch('https://elsewhere.test/')).text()).toBe('elsewhere')

  server.uninstall()
  expect(globalThis.fetch).toBe(elsewhere)
  globalThis.fetch = real
  session.close()
})

test('with a test server, the app’s own session loads no file', async () => {
  vi.resetModules()
  const { createTestServer } = await import('../src/testing/index.js')
  const { createSession } = await import('../src/index.js')
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('jsdom fetches no files')))
  const server = createTestServer()
  server.install()
  const session = createSession({ baseUrl: server.origin, storage: 'memory' })

  expect((await session.fetch('/me')).status).toBe(200)

  session.close()
  server.uninstall()
  vi.unstubAllGlobals()
})

test('axios reaches the server by its adapter for fetch', async () => {
  const session = server.createSession()
  const api = axios.create({ baseURL: server.origin, adapter: 'fetch' })
  attachSession(api, session)
  await session.token()
  server.expire()

  const { data } = await api.get('/items')

  expect(data).toEqual({ guest: FIRST })
})

test('a body that is not a JSON object gets a 400', async () => {
  const session = server.createSession()
  const post = (path: string, body: string) => session.fetch(path, { method: 'POST', body })

  for (const body of ['', '{', '1', 'null']) expect((await post('/login', body)).status).toBe(400)
  expect((await server.fetch(`${server.origin}/anonymous-login`, { method: 'POST', body: '{' })).status).toBe(400)
  expect(server.guests).toEqual([FIRST])
})

test('an invalid route, fault or number of times throws', () => {
  const handler = () => new Response()
  for (const route of ['/items', 'GET items', 'get /items', 'GET /items?all', '']) {
    expect(() => server.on(route as 'GET /items', handler)).toThrow(`'${route}'`)
  }
  for (const what of [undefined, 'offline', 200, 0, Number.NaN]) {
    expect(() => server.fail({ with: what as number })).toThrow(`not ${what}`)
  }
  expect(() => server.fail({ with: 500, times: 0 })).toThrow('times')
})

test('two runs with the same faults have the same events and delays', async () => {
  const run = async () => {
    const server = createTestServer()
    const clock = createTestClock()
    const session = server.createSession()
    const events = eventLog(session)
    server.fail({ path: '/anonymous-login', with: 500, times: 3 })
    const waiting = session.token()
    await clock.advance(60_000)
    await waiting
    server.uninstall()
    clock.uninstall()
    return events
  }

  const first = await run()

  expect(first.filter((line) => line.includes('retrying'))).toHaveLength(3)
  expect(await run()).toEqual(first)
})

test('the fake timers of Vitest work instead of the test clock', async () => {
  clock.uninstall()
  vi.useFakeTimers()
  const session = server.createSession()
  expect(await guestOf(session)).toBe(FIRST)

  await vi.advanceTimersByTimeAsync(16 * 60_000)
  expect(await guestOf(session)).toBe(FIRST)

  expect(server.count('/token')).toBe(1)
})

test('routes have parameters and may be public, and a missing route is reported', async () => {
  const session = server.createSession()
  server.on('GET /cart/:item/:size', ({ params }) => Response.json(params), { public: true })

  const open = await fetch(`${server.origin}/cart/tea/large`)
  expect(await open.json()).toEqual({ item: 'tea', size: 'large' })
  expect((await fetch(`${server.origin}/items`)).status).toBe(401)
  expect((await session.fetch('/nowhere')).status).toBe(404)
  expect(await (await session.fetch('/nowhere')).json()).toMatchObject({
    detail: expect.stringContaining("server.on('GET /nowhere'"),
  })
  expect(await (await session.fetch('/me')).json()).toEqual({ id: FIRST, kind: 'guest', email: null })
})

test('C16: uninstall closes the sessions and restores the globals', () => {
  const real = { fetch: globalThis.fetch, random: crypto.getRandomValues }
  const session = server.createSession()
  expect(globalThis.fetch).not.toBe(real.fetch)

  server.uninstall()

  expect(session.getSnapshot().status).toBe('closed')
  expect({ fetch: globalThis.fetch, random: crypto.getRandomValues }).toEqual(real)
})

test('uninstall ends faults and offline mode', async () => {
  const next = async () => {
    const session = server.createSession()
    const waiting = guestOf(session)
    await clock.settle()
    server.uninstall()
    return await Promise.race([waiting.catch((error) => error.code), clock.settle()])
  }
  server.fail({ path: '/anonymous-login', with: 503, times: 9 })
  expect(await next()).toBe('closed')
  expect(await next()).toMatch(/^anonymous_/)

  server.goOffline()
  expect(await next()).toBe('closed')
  expect(await next()).toMatch(/^anonymous_/)
})

test('sessions after another install get new guests', async () => {
  const guests = []
  for (let tests = 0; tests < 3; tests += 1) {
    server.install()
    guests.push(await guestOf(server.createSession()))
    server.uninstall()
  }

  expect(new Set(guests).size).toBe(3)
})

test('uninstall dispatches online when the server was offline', () => {
  const page = new EventTarget()
  const events: string[] = []
  for (const type of ['online', 'offline']) page.addEventListener(type, () => events.push(type))
  vi.stubGlobal('window', page)
  server.install()

  server.goOffline()
  server.uninstall()
  server.uninstall()

  expect(events).toEqual(['offline', 'online'])
  vi.unstubAllGlobals()
})

describe('the clock', () => {
  test('timers fire in order, and promises settle before the next timer fires', async () => {
    const seen: string[] = []
    const note = (what: string) => () => seen.push(`${what} ${clock.now - start}`)
    const start = clock.now
    setTimeout(note('third'), 30)
    setTimeout(async () => {
      note('first')()
      await Promise.resolve()
      setTimeout(note('second'), 10)
    }, 10)
    const every = setInterval(note('every'), 20)
    const never = setTimeout(note('never'), 15)
    clearTimeout(never)

    await clock.advance(40)
    clearInterval(every)
    await clock.advance(40)

    expect(seen).toEqual(['first 10', 'every 20', 'second 20', 'third 30', 'every 40'])
  })

  test('Date and performance.now follow the clock, and uninstall restores them', async () => {
    const mark = performance.now()
    expect(new Date().toISOString()).toBe('2030-01-01T00:00:00.000Z')
    expect(new Date(0).getTime()).toBe(0)

    await clock.advance(1500)
    expect(Date.now()).toBe(Date.UTC(2030, 0, 1, 0, 0, 1, 500))
    expect(performance.now() - mark).toBe(1500)

    clock.uninstall()
    expect(Date.now()).toBeLessThan(Date.UTC(2030, 0))
    expect(Object.hasOwn(performance, 'now')).toBe(false)
  })

  test('in Node, timers are objects', () => {
    const timer = setTimeout(() => {}, 10)
    expect(timer.unref().hasRef()).toBe(true)
    expect(Number(timer)).toBeGreaterThan(0)
  })
})
