// @vitest-environment happy-dom
// The React bindings with a fake session manager, with the newest React and with React 18.

import { act, createElement, type ReactNode, StrictMode } from 'react'
import { createRoot, hydrateRoot, type Root } from 'react-dom/client'
import { renderToString } from 'react-dom/server'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SessionProvider, useSession } from '../src/react.js'
import { managedSessionFactory } from '../src/session.js'
import type { Session } from '../src/types.js'
import { FakeModule, guest } from './fake-manager.js'

let roots: Root[] = []

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  vi.stubGlobal('fetch', vi.fn())
})

afterEach(async () => {
  await act(async () => {
    for (const root of roots) root.unmount()
  })
  roots = []
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
})

function setUp() {
  const module = new FakeModule()
  const session = managedSessionFactory(module.load)({ baseUrl: 'https://shop.example' })
  return { module, session }
}

/** A page that provides the session to `children`, under StrictMode. */
function page(session: Session, ...children: ReactNode[]): ReactNode {
  return createElement(StrictMode, null, createElement(SessionProvider, { session }, ...children))
}

async function mount(node: ReactNode): Promise<{ container: HTMLElement; root: Root }> {
  const container = document.createElement('div')
  const root = createRoot(container)
  roots.push(root)
  await act(async () => root.render(node))
  return { container, root }
}

function Visitor(): ReactNode {
  const { status, id } = useSession()
  return `${status} ${id}`
}

test('a component shows the snapshot and its changes, under StrictMode', async () => {
  const { module, session } = setUp()
  const { container } = await mount(page(session, createElement(Visitor)))
  expect(container.textContent).toBe('loading null')

  await act(async () => module.succeed())
  await act(async () => module.manager.notify(guest(1)))
  expect(container.textContent).toBe('active anonymous_1')

  await act(async () => module.manager.notify(guest(2)))
  expect(container.textContent).toBe('active anonymous_2')
})

test('C15: rendering on a server starts nothing, and always shows an idle session', async () => {
  const { module, session } = setUp()
  const create = vi.spyOn(session, 'start')

  expect(renderToString(page(session, createElement(Visitor)))).toContain('idle ')
  expect(create).not.toHaveBeenCalled()
  expect(module.loads).toBe(0)
  expect(fetch).not.toHaveBeenCalled()

  const started = session.start()
  module.succeed()
  await started
  module.manager.notify(guest(1))
  expect(renderToString(page(session, createElement(Visitor)))).toContain('idle ')
})

test('C15: mounting starts the session without a request', async () => {
  const { module, session } = setUp()
  await mount(page(session, createElement(Visitor), createElement(Visitor)))
  await act(async () => module.succeed())

  expect(module.loads).toBe(1)
  expect(new Set(module.manager.calls)).toEqual(new Set(['start']))
  expect(fetch).not.toHaveBeenCalled()
})

test('hydration has no mismatch, and the component then shows the session', async () => {
  const errors = vi.spyOn(console, 'error')
  const recovered = vi.fn()
  const { module, session } = setUp()
  const container = document.createElement('div')
  container.innerHTML = renderToString(page(session, createElement(Visitor)))
  const started = session.start()
  module.succeed()
  await started
  module.manager.notify(guest(1))

  await act(async () => {
    const options = { onRecoverableError: recovered }
    roots.push(hydrateRoot(container, page(session, createElement(Visitor)), options))
  })

  expect(container.textContent).toBe('active anonymous_1')
  expect(recovered).not.toHaveBeenCalled()
  expect(errors).not.toHaveBeenCalled()
})

test('a component with a selector renders again only when the selected value changes', async () => {
  const { module, session } = setUp()
  const rendered = vi.fn()
  function Id(): ReactNode {
    const id = useSession((snapshot) => snapshot.id)
    rendered()
    return id
  }
  const { container } = await mount(page(session, createElement(Id)))
  await act(async () => module.succeed())
  await act(async () => module.manager.notify(guest(1)))
  const before = rendered.mock.calls.length

  await act(async () => module.manager.notify({ ...guest(1), status: 'refreshing' }))
  expect(rendered.mock.calls.length).toBe(before)

  await act(async () => module.manager.notify(guest(2)))
  expect(rendered.mock.calls.length).toBeGreaterThan(before)
  expect(container.textContent).toBe('anonymous_2')
})

test('a selector that returns a new object each time causes neither a loop nor a warning', async () => {
  const errors = vi.spyOn(console, 'error')
  const { module, session } = setUp()
  function Both(): ReactNode {
    const { id, status } = useSession((snapshot) => ({ id: snapshot.id, status: snapshot.status }))
    return `${id} ${status}`
  }
  const { container } = await mount(page(session, createElement(Both)))
  await act(async () => module.succeed())
  await act(async () => module.manager.notify(guest(1)))

  expect(container.textContent).toBe('anonymous_1 active')
  expect(errors).not.toHaveBeenCalled()
})

test('a failed start is shown in the snapshot and is no unhandled rejection', async () => {
  const { module, session } = setUp()
  function Failure(): ReactNode {
    return useSession(({ error }) => error?.code ?? 'none')
  }
  const { container } = await mount(page(session, createElement(Failure)))
  await act(async () => module.fail(new Error('no such file')))

  expect(container.textContent).toBe('load_failed')
})

test('mounting again does not start a session that has ended', async () => {
  const { module, session } = setUp()
  const first = await mount(page(session, createElement(Visitor)))
  await act(async () => module.succeed())
  await act(async () => module.manager.notify({ ...guest(1), status: 'ended' }))
  const before = [...module.manager.calls]
  await act(async () => first.root.render(null))

  const { container } = await mount(page(session, createElement(Visitor)))

  expect(container.textContent).toBe('ended anonymous_1')
  expect(module.manager.calls).toEqual(before)
})

test('unmounting unsubscribes and does not close the session', async () => {
  const { module, session } = setUp()
  const stops: ReturnType<typeof vi.fn>[] = []
  const subscribe = session.subscribe
  session.subscribe = (listener) => {
    const stop = vi.fn(subscribe(listener))
    stops.push(stop)
    return stop
  }
  const { root } = await mount(page(session, createElement(Visitor)))
  await act(async () => module.succeed())

  await act(async () => root.render(null))

  expect(stops.length).toBeGreaterThan(0)
  for (const stop of stops) expect(stop).toHaveBeenCalledTimes(1)
  expect(module.manager.calls).not.toContain('close')
})

test('useSession without a provider throws', () => {
  expect(() => renderToString(createElement(Visitor))).toThrow('SessionProvider')
})
