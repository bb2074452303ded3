// Registration, login, sign-out and erasure: the real session manager against the server of `guestpass/testing`.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createSession } from '../src/index.node.js'
import { createTestClock, createTestServer, type TestClock, type TestServer } from '../src/testing/index.js'
import type { CustomStorage, Session, SessionEvent } from '../src/types.js'

const GUEST = 'anonymous_00000000-0000-4000-8000-000000000001'
const MEMBER = 'user_00000000-0000-4000-8000-000000000001'
const ADA = { email: 'ada@example.com', password: 'correct horse' }

let server: TestServer
let clock: TestClock | undefined
const sessions: Session[] = []

beforeEach(() => {
  server = createTestServer()
  server.on('GET /items', ({ guest }) => Response.json({ guest }))
})

afterEach(() => {
  for (const session of sessions.splice(0)) session.close()
  server.uninstall()
  clock?.uninstall()
  clock = undefined
})

async function visitor(session: Session): Promise<unknown> {
  return (await (await session.fetch('/items')).json()).guest
}

function eventsOf(session: Session): SessionEvent[] {
  const events: SessionEvent[] = []
  session.onEvent((event) => events.push(event))
  return events
}

/** A storage that the tabs of a browser share. */
function sharedStorage(): CustomStorage & { readonly texts: Map<string, string> } {
  const texts = new Map<string, string>()
  return { texts, shared: true, get: (key) => texts.get(key), set: (key, value) => texts.set(key, value) }
}

/** Opens a tab: a session on the shared storage. */
function tab(storage: CustomStorage): Session {
  server.install()
  const session = createSession({ baseUrl: server.origin, storage })
  sessions.push(session)
  return session
}

describe('register', () => {
  test('makes the guest a member with the same UUID, and reports the event identity', async () => {
    const session = server.createSession()
    const events = eventsOf(session)
    await visitor(session)

    const membership = await session.register(ADA)

    expect(membership).toEqual({
      id: MEMBER,
      kind: 'user',
      email: ADA.email,
      outcome: 'registered',
      merged: false,
    })
    expect(session.getSnapshot()).toMatchObject({ status: 'active', id: MEMBER, kind: 'user' })
    expect(events).toContainEqual(
      expect.objectContaining({ type: 'identity', oldId: GUEST, newId: MEMBER, reason: 'registered' }),
    )
    expect(await visitor(session)).toBe(MEMBER)
    expect(server.count('/anonymous-login')).toBe(1)
  })

  test('acquires a guest first when there is none', async () => {
    const session = server.createSession()

    await session.register(ADA)

    expect(server.requests.map(({ path }) => path)).toEqual(['/anonymous-login', '/register'])
  })

  test('is sent again after a lost response, and registers one member', async () => {
    clock = createTestClock()
    const session = server.createSession()
    server.fail({ path: '/register', with: 'lost', times: 2 })

    const registering = session.register(ADA)
    await clock.advance(10_000)

    expect(await registering).toMatchObject({ id: MEMBER, outcome: 'registered' })
    expect(server.count('/register')).toBe(3)
    expect(await visitor(session)).toBe(MEMBER)
    expect(server.count('/anonymous-login')).toBe(1)
  })

  test('needs no access token', async () => {
    const session = server.createSession()
    await visitor(session)
    server.expire()

    await session.register(ADA)

    expect(server.requests.filter(({ path }) => path === '/register').map(({ status }) => status)).toEqual([200])
    expect(server.count('/token')).toBe(0)
  })

  test('opens a new session, and ends the old one', async () => {
    const session = server.createSession()
    const planted = await session.token()

    await session.register(ADA)

    const stolen = await server.fetch(`${server.origin}/me`, { headers: { Authorization: `Bearer ${planted}` } })
    expect(stolen.status).toBe(401)
  })

  test('the session of a server without refresh tokens is told what is missing', async () => {
    const session = server.createSession()
    const { fetch } = globalThis
    globalThis.fetch = async (input, init) => {
      const response = await fetch(input, init)
      const { refresh_token: _, ...classic } = await response.json()
      return Response.json(classic)
    }

    await expect(session.register(ADA)).rejects.toMatchObject({
      code: 'refused',
      status: 403,
      reason: 'refresh_token_required',
    })
  })

  test('C4: rejects with the reason when there is no response within the timeout', async () => {
    clock = createTestClock()
    const session = server.createSession({ timeout: 5_000 })
    await visitor(session)
    server.fail({ path: '/register', with: 'network', times: 99 })

    const registering = session.register(ADA)
    registering.catch(() => {})
    await clock.advance(5_000)

    await expect(registering).rejects.toMatchObject({ code: 'network' })
    expect(session.getSnapshot()).toMatchObject({ status: 'active', id: GUEST })
  })

  test('C13: the credentials are not in the storage, the log or an error', async () => {
    const storage = sharedStorage()
    const lines: string[] = []
    server.install()
    const session = createSession({ baseUrl: server.origin, storage, debug: (line) => lines.push(line) })
    sessions.push(session)
    await session.register(ADA)

    const error = await session.register({ ...ADA, email: 'eve@example.com' }).catch((error) => error)

    expect(error).toMatchObject({ code: 'refused', status: 409, reason: 'already_member' })
    for (const text of [...storage.texts.values(), ...lines, error.message, error.stack]) {
      expect(text).not.toMatch(/correct horse|example\.com/)
    }
    for (const text of [...lines, error.message, error.stack]) expect(text).not.toContain('gpr_')
  })
})

describe('login', () => {
  test('C10: merges the guest into the account, in every session of the browser', async () => {
    const id = server.addMember(ADA.email, ADA.password)
    const storage = sharedStorage()
    const [first, second] = [tab(storage), tab(storage)]
    const guest = await visitor(first)
    expect(await visitor(second)).toBe(guest)
    const [events, others] = [eventsOf(first), eventsOf(second)]

    expect(await first.login(ADA)).toMatchObject({ id, outcome: 'logged_in', merged: true })
    second.expire()
    expect(await visitor(second)).toBe(id)

    for (const received of [events, others]) {
      expect(received).toContainEqual(
        expect.objectContaining({ type: 'identity', oldId: guest, newId: id, reason: 'logged_in' }),
      )
    }
    expect(server.count('/anonymous-login')).toBe(1)
  })

  test('C18: a refusal rejects with its reason and leaves the guest unchanged', async () => {
    server.addMember(ADA.email, ADA.password)
    const session = server.createSession()
    await visitor(session)
    const before = session.getSnapshot()
    const events = eventsOf(session)

    const failed = session.login({ ...ADA, password: 'wrong' })

    await expect(failed).rejects.toMatchObject({
      name: 'GuestpassError',
      code: 'refused',
      status: 403,
      reason: 'invalid_credentials',
    })
    expect(session.getSnapshot()).toBe(before)
    expect(events).toEqual([])
    expect(server.count('/token')).toBe(0)
  })

  test('C18: a server without members rejects and leaves the guest unchanged', async () => {
    const session = server.createSession()
    await visitor(session)
    const before = session.getSnapshot()
    server.fail({ path: '/login', with: 404 })

    await expect(session.login(ADA)).rejects.toMatchObject({ code: 'rejected' })

    expect(session.getSnapshot()).toBe(before)
  })

  test('link registers an unknown ID token, and logs in with a known one', async () => {
    const first = server.createSession({ name: 'first' })
    const second = server.createSession({ name: 'second' })

    expect(await first.link({ idToken: 'ada' })).toMatchObject({ outcome: 'registered', email: null })
    expect(await second.link({ idToken: 'ada' })).toMatchObject({ outcome: 'logged_in', merged: true })
    await expect(second.link({ idToken: 'invalid' })).rejects.toMatchObject({ reason: 'invalid_id_token' })

    expect(await visitor(first)).toBe(await visitor(second))
  })
})

describe('signOut', () => {
  test('C8: with next none, requests reject until start()', async () => {
    const session = server.createSession()
    await session.register(ADA)

    await session.signOut({ next: 'none' })
    expect(session.getSnapshot()).toMatchObject({ status: 'signed_out', id: null })
    await expect(session.fetch('/items')).rejects.toMatchObject({ code: 'signed_out' })
    expect(server.count('/anonymous-login')).toBe(1)

    await session.start()
    expect(await visitor(session)).not.toBe(MEMBER)
    expect(server.count('/anonymous-login')).toBe(2)
  })

  test('C8: with next none, requests reject in other tabs and after a reload', async () => {
    const storage = sharedStorage()
    const first = tab(storage)
    await visitor(first)
    await first.signOut({ next: 'none' })

    const second = tab(storage)
    // A page that renders requests data and starts the session before it has read the storage.
    const rendered = second.fetch('/items')
    await second.start()

    await expect(rendered).rejects.toMatchObject({ code: 'signed_out' })
    expect(second.getSnapshot().status).toBe('signed_out')
    await expect(second.token()).rejects.toMatchObject({ code: 'signed_out' })
    await expect(tab(storage).token()).rejects.toMatchObject({ code: 'signed_out' })
    expect(server.count('/anonymous-login')).toBe(1)
  })

  test('C8: with next none, a login needs no start()', async () => {
    const id = server.addMember(ADA.email, ADA.password)
    const storage = sharedStorage()
    const first = tab(storage)
    await visitor(first)
    await first.signOut({ next: 'none' })

    expect(await tab(storage).login(ADA)).toMatchObject({ id })
  })

  test('with next guest, which is the default, the next request acquires a new guest', async () => {
    const session = server.createSession()
    await session.register(ADA)

    await session.signOut({ next: 'guest' })

    expect(await visitor(session)).toMatch(/^anonymous_/)
  })
})

describe('export and sessions', () => {
  test('an export needs the refresh token, which fetch never attaches', async () => {
    const session = server.createSession()
    await session.register(ADA)

    expect(await session.export()).toMatchObject({ id: MEMBER, email: ADA.email })
    const response = await session.fetch('/me/export')

    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ code: 'refresh_token_required' })
  })

  test('a member lists the sessions, and ends one of them', async () => {
    const first = server.createSession({ name: 'first' })
    const second = server.createSession({ name: 'second' })
    await first.register(ADA)
    await second.login(ADA)

    const sessions = await first.sessions.list()
    expect(sessions.map(({ current }) => current)).toEqual([false, true])
    await first.sessions.end(sessions[0]?.id ?? '')

    expect(await first.sessions.list()).toHaveLength(1)
    expect(await visitor(first)).toBe(MEMBER)
    expect(await visitor(second)).toMatch(/^anonymous_/)
    await expect(first.sessions.end('none')).rejects.toMatchObject({ code: 'rejected' })
  })

  test('a member ends all other sessions, and no other visitor notices', async () => {
    const [first, second, third] = ['first', 'second', 'third'].map((name) => server.createSession({ name }))
    if (!first || !second || !third) throw new Error('unreachable')
    await first.register(ADA)
    await second.login(ADA)
    const other = await visitor(third)

    await first.sessions.endOthers()

    expect(await first.sessions.list()).toMatchObject([{ current: true, label: 'Test browser' }])
    expect(await visitor(second)).toMatch(/^anonymous_/)
    expect([await visitor(first), await visitor(third)]).toEqual([MEMBER, other])
  })

  test('C8: to end the session of this browser signs out, in every tab', async () => {
    const storage = sharedStorage()
    const [first, second] = [tab(storage), tab(storage)]
    await first.register(ADA)
    await visitor(second)
    const [events, others] = [eventsOf(first), eventsOf(second)]
    const own = (await first.sessions.list())[0]

    await first.sessions.end(own?.id ?? '')
    await expect.poll(() => others).toContainEqual(expect.objectContaining({ type: 'signed_out', id: MEMBER }))

    expect(events).toContainEqual(expect.objectContaining({ type: 'signed_out', id: MEMBER, by: 'this_tab' }))
    await expect.poll(() => server.count('/revoke')).toBe(1)
    expect(server.requests.filter(({ method }) => method === 'DELETE')).toEqual([])
    expect(await visitor(first)).toMatch(/^anonymous_/)
  })

  test('C13: no result has a token', async () => {
    const session = server.createSession()

    const results = [await session.register(ADA), await session.export(), await session.sessions.list()]

    expect(JSON.stringify(results)).not.toMatch(/gpr_|token/)
  })
})

describe('erase', () => {
  test('C8: erases the visitor and ends the session in every tab', async () => {
    const storage = sharedStorage()
    const [first, second] = [tab(storage), tab(storage)]
    await first.register(ADA)
    await visitor(second)
    const [events, others] = [eventsOf(first), eventsOf(second)]

    await first.erase()
    second.expire()
    await expect(second.token()).rejects.toMatchObject({ code: 'signed_out' })

    const erased = { type: 'signed_out', id: MEMBER, reason: 'erased' }
    expect(events).toContainEqual(expect.objectContaining({ ...erased, by: 'this_tab' }))
    expect(others).toContainEqual(expect.objectContaining({ ...erased, by: 'another_tab' }))
    expect(server.requests.filter(({ method }) => method === 'DELETE')).toMatchObject([
      { path: '/me', guest: MEMBER, body: '', status: 204 },
    ])
    await expect(second.login(ADA)).rejects.toMatchObject({ reason: 'invalid_credentials' })
  })

  test('is repeated after a lost response', async () => {
    clock = createTestClock()
    const session = server.createSession()
    await visitor(session)
    server.fail({ path: '/me', with: 'lost' })

    const erasing = session.erase()
    await clock.advance(10_000)
    await erasing

    expect(session.getSnapshot()).toMatchObject({ status: 'signed_out', id: null })
    expect(server.count('/anonymous-login')).toBe(1)
  })

  test('makes no guest where there is none', async () => {
    await server.createSession().erase()

    expect(server.requests).toEqual([])
  })
})
