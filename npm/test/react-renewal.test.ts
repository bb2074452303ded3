// @vitest-environment happy-dom
// A form over the renewal of the token, with the real session manager. Runs with the newest React and with React 18.

import { act, createElement as h, type ReactNode, useEffect } from 'react'
import { createRoot } from 'react-dom/client'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { SessionProvider, useSession } from '../src/react.js'
import { createTestClock, createTestServer, type TestClock, type TestServer } from '../src/testing/index.js'

const MINUTE = 60_000

let server: TestServer
let clock: TestClock

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  clock = createTestClock()
  server = createTestServer({ accessTtl: 15 * MINUTE })
})

afterEach(() => {
  server.uninstall()
  clock.uninstall()
  vi.unstubAllGlobals()
})

test('C24: a form that is shown while the session is active stays mounted over a slow renewal ahead of expiry', async () => {
  const session = server.createSession()
  const respond = globalThis.fetch
  let renewing = false
  globalThis.fetch = async (input, init) => {
    if (!String(input instanceof Request ? input.url : input).endsWith('/token')) return respond(input, init)
    renewing = true
    await new Promise((resolve) => setTimeout(resolve, 5000))
    renewing = false
    return respond(input, init)
  }
  const mounted = vi.fn()
  function Form(): ReactNode {
    useEffect(mounted, [])
    return h('input')
  }
  const Page = () => (useSession().status === 'active' ? h(Form) : 'Please wait')
  const container = document.body.appendChild(document.createElement('div'))
  const root = createRoot(container)
  await act(async () => root.render(h(SessionProvider, { session, acquire: true }, h(Page))))
  await act(async () => void (await session.token()))
  const input = container.querySelector('input') as HTMLInputElement
  input.value = 'typed by the visitor'

  // The renewal begins when 80 to 90 percent of the lifetime have passed.
  await act(async () => void (await clock.advance(12 * MINUTE)))
  for (let second = 0; second < 120 && !renewing; second++) await act(async () => void (await clock.advance(1000)))
  expect(renewing).toBe(true)

  for (; renewing; await act(async () => void (await clock.advance(1000)))) {
    expect(session.getSnapshot().status).toBe('active')
    expect(container.querySelector('input')).toBe(input)
  }
  await act(async () => void (await clock.advance(MINUTE)))
  expect(server.count('/token')).toBe(1)
  expect(container.querySelector('input')?.value).toBe('typed by the visitor')
  expect(mounted).toHaveBeenCalledTimes(1)
  await act(async () => root.unmount())
})
