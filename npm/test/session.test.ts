// The session with a fake session manager: its snapshot, its events, how it ends, and calls of the loaded session manager.

import { afterEach, expect, test, vi } from 'vitest'
import { GuestpassError } from '../src/errors.js'
import type { SessionEvent } from '../src/types.js'
import { guest, setUp, setUpLoaded } from './fake-manager.js'

afterEach(() => {
  vi.useRealTimers()
})

test('C15: creating a session and reading its snapshot loads nothing', () => {
  const { module, session } = setUp()

  session.subscribe(() => {})
  session.expire()

  expect(session.getSnapshot()).toEqual({ status: 'idle', id: null, kind: null, expiresAt: null })
  expect(module.loads).toBe(0)
})

test('C15: the snapshot is the same object until something changes', async () => {
  const { session, manager } = await setUpLoaded()
  const changes = vi.fn()
  session.subscribe(changes)

  const first = guest(1)
  manager.notify(first)
  manager.notify(first, { at: 1, type: 'unauthorized', generation: 1 })
  expect(session.getSnapshot()).toBe(first)
  expect(changes).toHaveBeenCalledTimes(1)

  manager.notify(guest(2))
  expect(session.getSnapshot()).toEqual(guest(2))
  expect(changes).toHaveBeenCalledTimes(2)
})

test('C16: closing while the code loads rejects waiting and later calls with closed', async () => {
  vi.useFakeTimers()
  const { module, session } = setUp()
  const statuses: string[] = []
  session.subscribe(() => statuses.push(session.getSnapshot().status))
  const waiting = session.fetch('/')

  session.close()
  session.close()
  await expect(waiting).rejects.toMatchObject({ code: 'closed' })
  await expect(session.start()).rejects.toMatchObject({ code: 'closed' })
  expect(vi.getTimerCount()).toBe(0)
  module.succeed()
  await vi.runAllTimersAsync()

  expect(module.managers).toEqual([])
  expect(statuses).toEqual(['closed'])
  expect(session.getSnapshot().status).toBe('closed')
})

test('C16: closing a session closes its session manager, and calls the listeners for the last time', async () => {
  const { session, manager } = await setUpLoaded()
  const statuses: string[] = []
  session.subscribe(() => statuses.push(session.getSnapshot().status))

  session.close()
  session.close()
  manager.notify(guest(1))

  expect(manager.calls).toEqual(['start', 'close'])
  expect(statuses).toEqual(['closed'])
  expect(session.getSnapshot().status).toBe('closed')
  await expect(session.token()).rejects.toMatchObject({ code: 'closed' })
  expect(() => session.expire()).not.toThrow()
})

test('C26: a closed session manager is freed, but not while it calls a listener', async () => {
  const { session, manager } = await setUpLoaded()
  session.subscribe(() => session.close())

  manager.notify(guest(1))

  expect(manager.calls, 'not freed during the call').toEqual(['start', 'close'])
  await Promise.resolve()
  expect(manager.calls).toEqual(['start', 'close', 'free'])
})

test('C16: closing a session that was never used loads nothing', async () => {
  const { module, session } = setUp()

  session.close()

  await expect(session.token()).rejects.toMatchObject({ code: 'closed' })
  expect(module.loads).toBe(0)
})

test('C10: event listeners run after the snapshot has changed', async () => {
  const { session, manager } = await setUpLoaded()
  const received: [string | null, SessionEvent][] = []
  const stop = session.onEvent((event) => received.push([session.getSnapshot().id, event]))
  const lost: SessionEvent = {
    at: 1,
    type: 'identity',
    oldId: 'anonymous_1',
    newId: 'anonymous_2',
    reason: 'invalid_grant',
  }

  manager.notify(guest(2), lost)
  stop()
  manager.notify(guest(3), { at: 2, type: 'acquired', id: 'anonymous_3' })

  expect(received).toEqual([['anonymous_2', lost]])
})

test('a GuestpassError has the properties that it was given, and no others', () => {
  const refusal = { status: 409, reason: 'email_taken' }

  const error = new GuestpassError('refused', 'no', refusal)

  expect(error).toMatchObject({ name: 'GuestpassError', code: 'refused', message: 'no', ...refusal })
  for (const name of ['cause', 'status', 'reason'])
    expect(new GuestpassError('closed', 'over')).not.toHaveProperty(name)
})

test('account requests and signOut reach the session manager', async () => {
  const { session, manager } = await setUpLoaded()
  const credentials = { email: 'ada@example.com', password: 'correct horse' }

  const registering = session.register(credentials)
  credentials.password = 'changed meanwhile'
  await registering
  await session.login({ email: 'ada@example.com', password: 'correct horse' })
  await session.link({ idToken: 'e.y.J' })
  await session.link({ idToken: 'e.y.J', nonce: 'n-0S6_WzA2Mj' })
  await session.signOut()
  await session.signOut({ next: 'guest' })
  await session.signOut({ next: 'none' })
  await session.erase()
  await session.export()
  expect(await session.sessions.list()).toEqual([])
  await session.sessions.end('s/1')
  await session.sessions.endOthers()

  expect(manager.calls.slice(-13)).toEqual([
    'upgrade POST /register {"email":"ada@example.com","password":"correct horse"}',
    'upgrade POST /login {"email":"ada@example.com","password":"correct horse"}',
    'upgrade POST /link {"id_token":"e.y.J"}',
    'upgrade POST /link {"id_token":"e.y.J","nonce":"n-0S6_WzA2Mj"}',
    'signOut',
    'signOut',
    'signOut, permanent',
    'erase DELETE /me',
    'other GET /me/export',
    'other GET /me/sessions',
    'other GET /me/sessions',
    'other DELETE /me/sessions/s%2F1',
    'other DELETE /me/sessions',
  ])
})

test('C8: start allows a new guest only after the snapshot was signed_out', async () => {
  const { session, manager } = await setUpLoaded()

  await session.start()
  manager.notify({ ...guest(1), status: 'signed_out', id: null })
  await session.start()

  expect(manager.calls.slice(-2)).toEqual(['start', 'start, reset'])
})

test('signOut with a misspelt next rejects and does nothing', async () => {
  const { session, manager } = await setUpLoaded()

  const signedOut = session.signOut({ next: 'nobody' as 'none' })

  await expect(signedOut).rejects.toMatchObject({ code: 'invalid_option' })
  expect(manager.calls).not.toContain('signOut')
})
