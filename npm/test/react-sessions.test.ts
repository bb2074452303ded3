// @vitest-environment happy-dom
// The hook `useSessions` with the real session manager. Runs with the newest React and with React 18.

import { act, createElement as h, type ReactNode, StrictMode } from 'react'
import { createRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SessionProvider, useSessions, type VisitorSessions } from '../src/react.js'
import { createTestServer, type TestServer } from '../src/testing/index.js'
import type { Session } from '../src/types.js'

const ADA = { email: 'ada@example.com', password: 'correct horse' }

let server: TestServer
let session: Session
let roots: Root[] = []
/** What the hook returned in each render. */
let renders: VisitorSessions[] = []

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  server = createTestServer()
  session = server.createSession()
})

afterEach(async () => {
  await unmount()
  renders = []
  server.uninstall()
  vi.unstubAllGlobals()
})

async function unmount(): Promise<void> {
  await act(async () => {
    for (const root of roots) root.unmount()
  })
  roots = []
}

function Devices(): ReactNode {
  const sessions = useSessions()
  renders.push(sessions)
  return sessions.list?.map(({ id, current }) => h('li', { key: id }, current ? `${id} here` : id))
}

const page = () => h(StrictMode, null, h(SessionProvider, { session }, h(Devices)))

async function mount(): Promise<HTMLElement> {
  const container = document.body.appendChild(document.createElement('div'))
  const root = createRoot(container)
  roots.push(root)
  await act(async () => root.render(page()))
  return container
}

function current(): VisitorSessions {
  const last = renders.at(-1)
  if (!last) throw new Error('nothing was rendered')
  return last
}

/** Waits until the hook has read the list, and until `isShown`. */
async function shown(isShown: (sessions: VisitorSessions) => unknown = ({ list }) => list): Promise<VisitorSessions> {
  await vi.waitFor(async () => {
    await act(async () => {})
    expect(!current().loading && isShown(current())).toBeTruthy()
  })
  return current()
}

/** Another device of the member. */
async function otherDevice(): Promise<Session> {
  const other = server.createSession({ name: `device ${server.guests.length}` })
  await other.login(ADA)
  return other
}

test('C15: reads the list once under StrictMode, and rendering on a server reads nothing', async () => {
  await session.token()
  expect(renderToString(page())).toBe('')
  expect(server.count('/me/sessions')).toBe(0)

  const container = await mount()
  const { list } = await shown()

  expect(list).toMatchObject([{ current: true, label: 'Test browser' }])
  expect(container.textContent).toBe(`${list?.[0]?.id} here`)
  expect(server.count('/me/sessions')).toBe(1)
  expect(renders.length).toBeLessThan(12)
})

test('C15: without a visitor it sends no request and makes no guest', async () => {
  await mount()
  await act(async () => void (await current().reload()))

  expect(current()).toMatchObject({ list: undefined, error: undefined, loading: false })
  expect(server.requests).toEqual([])
})

test('C10: shows the list of the new visitor, and never that of the previous one', async () => {
  await session.token()
  await mount()
  const guest = (await shown()).list?.[0]?.id

  await act(async () => void (await session.register(ADA)))
  const { list } = await shown()

  expect(list).toMatchObject([{ current: true }])
  expect(list?.[0]?.id).not.toBe(guest)
  expect(server.count('/me/sessions')).toBe(2)
})

test('ends one session and all others, and reads the list again', async () => {
  await session.register(ADA)
  const [, second] = [await otherDevice(), await otherDevice()]
  await mount()
  const { list } = await shown()
  expect(list?.map(({ current }) => current)).toEqual([false, false, true])

  await act(async () => void (await current().end(list?.[1]?.id ?? '')))
  expect((await shown()).list).toHaveLength(2)
  expect(await (await second.fetch('/me')).json()).toMatchObject({ kind: 'user' })

  await act(async () => void (await current().endOthers()))
  expect((await shown()).list).toMatchObject([{ current: true }])
  expect(await (await second.fetch('/me')).json()).toMatchObject({ kind: 'guest' })
})

test('to end the session of this browser signs out, and makes no guest', async () => {
  await session.register(ADA)
  await mount()
  const { list, end } = await shown()

  await act(async () => void (await end(list?.[0]?.id ?? '')))

  expect(session.getSnapshot()).toMatchObject({ status: 'signed_out', id: null })
  expect(current().list).toBeUndefined()
  expect(server.count('/anonymous-login')).toBe(1)
})

test('shows why the list could not be read, keeps the last one, and reads again', async () => {
  await session.token()
  await mount()
  const { list } = await shown()
  server.fail({ path: '/me/sessions', with: 400 })

  await act(async () => void (await current().reload()))
  expect(current()).toMatchObject({ list, error: { code: 'rejected' }, loading: false })

  await act(async () => void (await current().reload()))
  expect(current()).toMatchObject({ error: undefined, list: [{ current: true }] })
  await act(async () => {
    await expect(current().end('none')).rejects.toMatchObject({ code: 'rejected' })
  })
})

test('C26: an unmounted component reads nothing, and gives its listeners back', async () => {
  await session.token()
  const stops: ReturnType<typeof vi.fn>[] = []
  const subscribe = session.subscribe
  session.subscribe = (listener) => {
    const stop = vi.fn(subscribe(listener))
    stops.push(stop)
    return stop
  }
  await mount()
  await shown()
  const reads = server.count('/me/sessions')

  await unmount()
  await act(async () => void (await session.register(ADA)))

  expect(server.count('/me/sessions')).toBe(reads)
  expect(stops.length).toBeGreaterThan(0)
  for (const stop of stops) expect(stop).toHaveBeenCalledTimes(1)
})
