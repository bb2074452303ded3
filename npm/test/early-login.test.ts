// The inline script of an early login, as the build has minified it, and its takeover by the compiled session manager.

import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { earlyLogin, scriptHash } from '../src/early-login.js'
import { createSession } from '../src/index.node.js'
import type { Session, SessionOptions } from '../src/types.js'
import { EarlyPage } from './early-page.js'
import { GuestServer } from './guest-server.js'

const LOGIN = '/anonymous-login'

let server: GuestServer
let page: EarlyPage
let id: string
const sessions: Session[] = []

beforeEach(async () => {
  server = await GuestServer.listen()
  page = new EarlyPage(server.url)
  id = `guestpass:default@${server.url}`
})

afterEach(async () => {
  for (const session of sessions.splice(0)) session.close()
  vi.unstubAllGlobals()
  Reflect.deleteProperty(globalThis, id)
  await server[Symbol.asyncDispose]()
})

function open(options: SessionOptions = {}): Session {
  const session = createSession({ baseUrl: server.url, ...options })
  sessions.push(session)
  return session
}

/** The acquire keys of the logins that the server has received. */
function keys(): unknown[] {
  return server.requests.filter(({ path }) => path === LOGIN).map(({ headers }) => headers['idempotency-key'])
}

function record(key: string): string {
  return `{"v":2,"epoch":0,"generation":0,"end_reason":"signed_out","acquire_key":"${key}","credential":null}`
}

const KEY = 'AAAAAAAAAAAAAAAAAAAAAAAA'

describe('the script', () => {
  test('C19: stores the record and sends the request of the compiled session manager', async () => {
    const traces = []
    for (const early of [false, true]) {
      page = new EarlyPage(server.url)
      if (early) await page.runScript()
      await open().token()
      const [first] = page.sent
      const request = new Request(first?.url ?? '', first?.init)
      const key = request.headers.get('Idempotency-Key') ?? ''
      expect(key).toMatch(/^[\w-]{24}$/)
      traces.push({
        stored: page.written[0]?.replace(key, 'key'),
        method: request.method,
        url: request.url,
        headers: [...request.headers].map(([name, value]) => [name, value.replace(key, 'key')]),
        body: await request.text(),
        cache: request.cache,
        credentials: request.credentials,
        redirect: request.redirect,
        keepalive: request.keepalive,
        aborts: first?.init.signal instanceof AbortSignal,
        sent: page.sent.length,
      })
      vi.unstubAllGlobals()
    }

    expect(traces[1]).toEqual(traces[0])
    expect(traces[0]).toMatchObject({ stored: record('key'), url: `${server.url}${LOGIN}`, sent: 1, aborts: true })
  })

  test('uses the key of a first visit that a reload has ended', async () => {
    page.stored.set(id, record(KEY))

    await page.runScript()
    await open().token()

    expect(keys()).toEqual([KEY])
  })

  test.each([
    ['of a guest', { epoch: 0, generation: 1, credential: { access_token: 'a' } }],
    ['of a sign-out', { epoch: 1 }],
    ['without a key', { acquire_key: null }],
    ['of another format', { v: 3 }],
    ['with a revocation', { revocations: [] }],
  ])('C7: leaves a record %s alone', async (_what, members) => {
    const text = JSON.stringify({ ...JSON.parse(record(KEY)), ...members })
    page.stored.set(id, text)

    await page.runScript()

    expect([page.stored.get(id), page.sent.length, page.locks.requests]).toEqual([text, 0, 0])
  })

  test.each(['', 'null', '{', '5'])('C7: does not replace the stored text %j', async (text) => {
    if (text) page.stored.set(id, text)

    await page.runScript()

    expect(page.written).toHaveLength(text ? 0 : 1)
  })

  test.each<[string, (page: EarlyPage) => void]>([
    ['where localStorage is blocked', (page) => (page.blocked = true)],
    ['where the visitor blocks it later', (page) => void setImmediate(() => (page.blocked = true))],
    ['without Web Locks', () => vi.stubGlobal('navigator', {})],
    ['in a page that has no http origin', () => vi.stubGlobal('location', { origin: 'null' })],
  ])('does nothing %s', async (_where, prepare) => {
    prepare(page)
    await page.runScript()

    expect([page.sent, page.written]).toEqual([[], []])
  })

  test.each<[string, number, unknown, string | undefined]>([
    ['the access token of the response', 200, { access_token: 'early' }, 'early'],
    ['no token of a refusal', 503, { access_token: 'early' }, undefined],
    ['no token of another text', 200, 'early', undefined],
  ])('publishes %s', async (_what, status, body, token) => {
    server.answer(LOGIN, [status, body])

    await page.runScript()

    expect(await Reflect.get(globalThis, id).token).toBe(token)
  })

  test('publishes no token without a request', async () => {
    vi.spyOn(page.locks, 'request').mockImplementation(async (_name, _options, granted) => granted(null))

    await page.runScript()

    expect(await Reflect.get(globalThis, id).token).toBeUndefined()
  })

  test('two scripts on one page send one request', async () => {
    await Promise.all([page.runScript(), page.runScript({ baseUrl: `${server.url}/` })])
    await page.runScript()
    await open().token()

    expect(page.sent).toHaveLength(1)
  })

  test('C2: does not wait for the lock of another tab; the session does', async () => {
    let release = (_?: unknown) => {}
    void page.locks.request(id, {}, () => new Promise((resolve) => (release = resolve)))
    await page.locks.settled()
    await page.runScript()
    release()
    await page.locks.settled()
    expect(page.sent).toEqual([])

    await open().token()

    expect(server.count(LOGIN)).toBe(1)
  })

  test('leaves nothing behind but the key when no session takes over', async () => {
    await page.runScript()
    expect(page.locks.held.has(id)).toBe(true)

    page.timers.get(1_000)?.()

    await vi.waitFor(() => expect(page.locks.held.has(id)).toBe(false))
    expect([...page.timers.keys()]).toEqual([1_000])
  })
})

describe('the session', () => {
  test('C2 C19: takes over the request, and then the lock is free', async () => {
    await page.runScript()
    const session = open()

    expect(await (await session.fetch('/me')).json()).toEqual({ visitor: 'anonymous_1' })
    await session.token()

    expect(server.count(LOGIN)).toBe(1)
    expect(JSON.parse(page.stored.get(id) ?? '')).toMatchObject({ epoch: 0, generation: 1, acquire_key: null })
    await vi.waitFor(() => expect(page.locks.held.has(id)).toBe(false))
    expect(id in globalThis).toBe(false)
  })

  test('C6: has the lock of the script until the guest is stored', async () => {
    const respond = server.hold(LOGIN)
    await page.runScript()
    const token = open().token()
    await vi.waitFor(() => expect(id in globalThis).toBe(false))
    page.timers.get(1_000)?.()
    const other = page.locks.request(id, {}, () => page.stored.get(id))
    respond()
    await token

    expect(await other).toContain('"generation":1')
  })

  test('waits for the script that has not got its lock yet', async () => {
    const running = page.runScript()
    const token = open().token()
    await running
    await token

    expect(server.count(LOGIN)).toBe(1)
    expect(page.locks.requests).toBe(1)
  })

  test('takes over a request whose lock has been released', async () => {
    await page.runScript()
    page.timers.get(1_000)?.()
    await open().token()

    expect(server.count(LOGIN)).toBe(1)
  })

  test('C19: sends the same key again more than ten seconds later', async () => {
    await page.runScript()
    page.now = 10_001
    await open().token()

    expect(keys()).toEqual([keys()[0], keys()[0]])
    expect(id in globalThis).toBe(false)
  })

  test.each<[string, () => SessionOptions]>([
    ['fetch', () => ({ fetch: (...args) => fetch(...args) })],
    ['headers', () => ({ headers: { 'X-Tenant': 'tea' } })],
  ])('C19: with the option %s, sends its own request with the same key', async (_option, options) => {
    await page.runScript()
    await open(options()).token()

    expect(keys()).toEqual([keys()[0], keys()[0]])
  })

  test('C19: treats a failed request like its own', async () => {
    server.answer(LOGIN, [503, {}], [200, { access_token: 'late', anonymous_id: 'anonymous_9' }])
    await page.runScript()
    const session = open()
    const events: string[] = []
    session.onEvent(({ type }) => events.push(type))

    expect(await session.token()).toBe('late')

    expect(events).toEqual(['retrying', 'acquired'])
    expect(keys()).toEqual([keys()[0], keys()[0]])
  })

  test('answers a challenge to the early request', async () => {
    const problem = { code: 'captcha_required', captcha: { provider: 'turnstile', site_key: 'key' } }
    server.answer(LOGIN, [428, problem], [200, { access_token: 'proved', anonymous_id: 'anonymous_9' }])
    await page.runScript()
    const solved = vi.fn(async () => 'solved')

    expect(await open({ captcha: solved }).token()).toBe('proved')

    expect(solved).toHaveBeenCalledOnce()
    expect(keys()).toEqual([keys()[0], keys()[0]])
    expect(server.seen.map(({ body }) => body)).toEqual(['{"refresh":true}', '{"refresh":true,"captcha":"solved"}'])
  })

  test('aborts the request when it is closed', async () => {
    const respond = server.hold(LOGIN)
    await page.runScript()
    const session = open()
    const token = session.token()
    await vi.waitFor(() => expect(id in globalThis).toBe(false))

    session.close()

    await expect(token).rejects.toMatchObject({ code: 'closed' })
    expect(page.sent[0]?.init.signal?.aborted).toBe(true)
    respond()
  })

  test('C8: acquires with another key after a sign-out before the takeover', async () => {
    await page.runScript()
    const session = open()
    await session.signOut()
    await session.token()

    expect(new Set(keys()).size).toBe(2)
    expect(JSON.parse(page.stored.get(id) ?? '')).toMatchObject({ epoch: 1, generation: 1 })
  })

  test('of another name or storage does not take over', async () => {
    await page.runScript()
    await open({ name: 'other' }).token()
    await open({ storage: 'memory' }).token()

    expect(new Set(keys()).size).toBe(3)
  })

  test('ignores an element of the page that has the name of the session as its id', async () => {
    // The browser makes an element a property of the global object, and the fields of a form properties of the form.
    vi.stubGlobal(id, { fetch: {}, request: {} })
    await open().token()

    expect(page.written[0]).toBe(record(String(keys()[0])))
  })

  test('a session that starts after the network has failed tries again', async () => {
    const network = fetch
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
    await page.runScript()
    vi.stubGlobal('fetch', network)
    await open().token()

    expect(page.written[0]).toBe(record(String(keys()[0])))
  })
})

describe('earlyLogin', () => {
  test('returns a text in ASCII that fits into a script element', () => {
    const name = '</script><!-- é 漢 "\' \\ ` __NAME__ __BASE_URL__ $&'
    const script = earlyLogin({ baseUrl: 'https://api.example/tea//', name })

    expect(script).toMatch(/^[\x20-\x7e]+$/)
    expect(script).not.toMatch(/<\/|<!--/)
    const requested: string[] = []
    const locks = { request: async (name: string) => requested.push(name) }
    const localStorage = { getItem: () => null }
    new Function('navigator', 'localStorage', 'globalThis', script)({ locks }, localStorage, {})
    expect(requested).toEqual([`guestpass:${name}@https://api.example/tea`])
  })

  test.each([
    [{ baseUrl: '/api' }, 'earlyLogin: baseUrl must be'],
    [{ name: '' }, 'earlyLogin: name must be'],
    [{ storage: 'session' }, 'earlyLogin: there is no options.storage; the members are baseUrl, name'],
    [null, 'earlyLogin: options must be an object'],
  ])('throws for %j', (options, message) => {
    expect(() => earlyLogin(options as object)).toThrow(
      expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(message) }),
    )
  })

  test('is some hundred bytes', () => {
    expect(earlyLogin().length).toBeLessThan(1_300)
  })

  test('scriptHash returns the source expression of a policy', async () => {
    const script = earlyLogin()
    const digest = createHash('sha256').update(script).digest('base64')

    expect(await scriptHash(script)).toBe(`'sha256-${digest}'`)
  })
})
