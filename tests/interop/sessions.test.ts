// Sessions: the test server of `guestpass/testing` responds as the real server does, to the same requests of the same SDK.

import { createSession, type Session, type SessionInfo } from 'guestpass'
import { createTestServer } from 'guestpass/testing'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'

const ADA = { email: 'ada@shop.example', password: 'a password of Ada 1843' }

test('the test server and the real server list and end sessions in the same way', async () => {
  await using server = await Server.start([])
  const testServer = createTestServer()
  const sessions: Session[] = []
  const open = () => {
    const session = createSession({ baseUrl: server.url, storage: 'memory' })
    sessions.push(session)
    return session
  }

  const real = await journey(open)
  const kit = await journey(() => testServer.createSession())

  for (const session of sessions) session.close()
  testServer.uninstall()
  expect(real.label).toBe('Node')
  expect(kit).toEqual({ ...real, label: 'Test browser' })
  expect(real.steps).toEqual([
    ['listed', [true, false, false]],
    ['listed after one was ended', [true, false]],
    ['the kinds', ['user', 'guest', 'user']],
    ['ended once more', 'rejected'],
    ['an access token', 403, 'refresh_token_required'],
    ['listed after the others were ended', [true]],
    ['the kinds', ['user', 'guest', 'guest']],
    ['its own', 'signed_out'],
  ])
})

/** What a member with three devices sees. */
async function journey(open: () => Session) {
  const [desk, phone, tablet] = [open(), open(), open()]
  const kinds = async () =>
    Promise.all([desk, phone, tablet].map(async (session) => (await (await session.fetch('/me')).json()).kind))
  await tablet.register(ADA)
  await nextMoment()
  await phone.login(ADA)
  await nextMoment()
  await desk.login(ADA)
  const listed = await desk.sessions.list()
  const steps: unknown[] = [['listed', listed.map(({ current }) => current)]]

  const second = listed[1]?.id ?? ''
  await desk.sessions.end(second)
  const left = await desk.sessions.list()
  steps.push(['listed after one was ended', left.map(({ current }) => current)])
  steps.push(['the kinds', await kinds()])
  const again = await desk.sessions.end(second).catch((error) => error.code)
  steps.push(['ended once more', again])

  const refused = await desk.fetch('/me/sessions', { method: 'DELETE' })
  steps.push(['an access token', refused.status, (await refused.json()).code])
  await desk.sessions.endOthers()
  const own = await desk.sessions.list()
  steps.push(['listed after the others were ended', own.map(({ current }) => current)])
  steps.push(['the kinds', await kinds()])

  await desk.sessions.end(own[0]?.id ?? '')
  steps.push(['its own', desk.getSnapshot().status])
  return { steps, label: own[0]?.label, shape: shapeOf(own[0]) }
}

/** The names of the members, and the kinds of their values. */
function shapeOf(session: SessionInfo | undefined) {
  return Object.entries(session ?? {})
    .map(([name, value]) => [name, value === null ? 'null' : typeof value])
    .sort()
}

/** Waits until the time in milliseconds is another one: the list is ordered by it. */
async function nextMoment(): Promise<void> {
  const before = Date.now()
  while (Date.now() === before) await new Promise((resolve) => setImmediate(resolve))
}
