// @vitest-environment happy-dom
// The React bindings with TanStack Query and the real session manager. Runs with the newest React and with React 18.

import { QueryClient, QueryClientProvider, useSuspenseQuery } from '@tanstack/react-query'
import { act, createElement as h, type ReactNode, StrictMode, Suspense, version } from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SessionDevtools, SessionProvider, useSession, useSessionFetch } from '../src/react.js'
import { createTestServer, type TestServer } from '../src/testing/index.js'
import type { Session } from '../src/types.js'

const FIRST = 'anonymous_00000000-0000-4000-8000-000000000001'

let server: TestServer
let session: Session
let roots: Root[] = []

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  server = createTestServer()
  server.on('GET /items', ({ guest }) => Response.json({ guest }))
  session = server.createSession()
})

afterEach(async () => {
  await act(async () => {
    for (const root of roots) root.unmount()
  })
  roots = []
  server.uninstall()
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

function page(...children: ReactNode[]): ReactNode {
  return h(StrictMode, null, h(SessionProvider, { session }, ...children))
}

async function mount(node: ReactNode): Promise<HTMLElement> {
  const container = document.body.appendChild(document.createElement('div'))
  const root = createRoot(container)
  roots.push(root)
  await act(async () => root.render(node))
  return container
}

/** Waits until the page shows `text`. */
async function shows(container: HTMLElement, text: string): Promise<void> {
  await vi.waitFor(async () => {
    await act(async () => {})
    expect(container.textContent).toContain(text)
  })
}

test('this run uses the intended version of React', () => {
  expect(version.split('.')[0]).toBe(process.env.REACT ?? '19')
})

test('C15: with acquire, mounting makes one guest under StrictMode, and rendering on a server makes none', async () => {
  const Visitor = () => useSession(({ id }) => (id ? `Hello, ${id}` : 'no visitor'))
  const whole = h(StrictMode, null, h(SessionProvider, { session, acquire: true }, h(Visitor)))
  expect(renderToString(whole)).toBe('no visitor')
  expect(server.requests).toEqual([])

  const container = await mount(whole)
  await shows(container, `Hello, ${FIRST}`)

  expect(server.guests).toEqual([FIRST])
  expect(server.requests).toHaveLength(1)
})

test('C8: with acquire, mounting makes no guest after a permanent sign-out', async () => {
  await session.token()
  await session.signOut({ next: 'none' })

  await mount(h(StrictMode, null, h(SessionProvider, { session, acquire: true })))
  await act(async () => {})

  expect(session.getSnapshot().status).toBe('signed_out')
  expect(server.guests).toEqual([FIRST])
})

test('Suspense: a query shows its fallback and loads once under StrictMode', async () => {
  const client = new QueryClient()
  const waiting = vi.fn()
  function Waiting(): ReactNode {
    waiting()
    return null
  }
  function Items(): ReactNode {
    const fetch = useSessionFetch()
    const { status } = useSession()
    const { data } = useSuspenseQuery({ queryKey: ['items'], queryFn: async () => (await fetch('/items')).json() })
    return `${status} ${data.guest}`
  }

  const container = await mount(
    page(h(QueryClientProvider, { client }, h(Suspense, { fallback: h(Waiting) }, h(Items)))),
  )
  await shows(container, `active ${FIRST}`)

  expect(waiting).toHaveBeenCalled()
  expect(server.count('/items')).toBe(1)
  client.clear()
})

test('useSessionFetch returns the same function at every render, and throws without a provider', async () => {
  const seen = new Set<unknown>()
  function Items(): ReactNode {
    seen.add(useSessionFetch())
    return useSession().status
  }
  await mount(page(h(Items)))
  await act(async () => void (await session.token()))

  expect([...seen]).toEqual([session.fetch])
  expect(() => renderToString(h(Items))).toThrow('SessionProvider')
})

test('C15: hydration has no mismatch, also inside of Suspense', async () => {
  const errors = vi.spyOn(console, 'error')
  const recovered = vi.fn()
  const Visitor = () => useSession().status
  const whole = () => page(h('p', null, h(Visitor)), h(Suspense, { fallback: 'waiting' }, h(Visitor)))
  const container = document.createElement('div')
  container.innerHTML = renderToString(whole())
  expect(container.textContent).toBe('idleidle')
  expect(server.requests).toEqual([])
  await session.token()

  await act(async () => {
    roots.push(hydrateRoot(container, whole(), { onRecoverableError: recovered }))
  })
  await shows(container, 'activeactive')

  expect(recovered).not.toHaveBeenCalled()
  expect(errors).not.toHaveBeenCalled()
})

test('the developer panel shows the state and the events, and its buttons expire, revoke and go offline', async () => {
  const container = await mount(page(h(SessionDevtools, { open: true })))
  await shows(container, 'guestpass: idle')
  expect(server.requests).toEqual([])
  const press = async (text: string) => {
    const button = [...container.querySelectorAll('button')].find(({ textContent }) => textContent === text)
    if (!button) throw new Error(`there is no button ${text}`)
    await act(async () => button.click())
  }
  await act(async () => void (await session.token()))
  await shows(container, FIRST)
  await shows(container, 'acquired')

  await press('Expire token')
  await act(async () => void (await session.fetch('/items')))
  expect(server.count('/token')).toBe(1)

  await press('Revoke session')
  await vi.waitFor(() => expect(server.count('/revoke')).toBe(1))
  await act(async () => void (await session.fetch('/items')))
  await shows(container, 'identity')
  expect(server.guests).toHaveLength(2)

  const before = globalThis.fetch
  await press('Go offline')
  await expect(session.fetch('/items')).rejects.toBeInstanceOf(TypeError)
  await press('Go online')
  expect(globalThis.fetch).toBe(before)
  expect((await session.fetch('/items')).status).toBe(200)
})

test('the developer panel restores fetch when it is removed', async () => {
  const before = globalThis.fetch
  const container = await mount(page(h(SessionDevtools, {})))
  await shows(container, 'guestpass')
  const button = [...container.querySelectorAll('button')].find(({ textContent }) => textContent === 'Go offline')
  await act(async () => button?.click())
  expect(globalThis.fetch).not.toBe(before)

  await act(async () => roots.pop()?.unmount())

  expect(globalThis.fetch).toBe(before)
})

test('when the code of the developer panel cannot be loaded, the error is reported and the app stays', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  vi.resetModules()
  vi.doMock('../src/devtools.js', () => {
    throw new TypeError('Failed to fetch dynamically imported module')
  })
  const { SessionDevtools, SessionProvider } = await import('../src/react.js')

  const container = await mount(h(SessionProvider, { session }, 'the app', h(SessionDevtools, {})))
  await vi.waitFor(() => expect(reported).toHaveBeenCalledTimes(1))

  expect(reported.mock.calls[0]?.[0]).toMatchObject({ name: 'GuestpassError', code: 'load_failed' })
  expect(container.textContent).toBe('the app')
  vi.doUnmock('../src/devtools.js')
})
