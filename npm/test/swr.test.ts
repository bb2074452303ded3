// @vitest-environment happy-dom
// The React bindings with SWR.

import { act, createElement as h, type ReactNode, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import useSWR from 'swr'
import { expect, test, vi } from 'vitest'
import { SessionProvider, useSessionFetch } from '../src/react.js'
import { createTestServer } from '../src/testing/index.js'

test('SWR with useSessionFetch loads once under StrictMode', async () => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  const server = createTestServer()
  server.on('GET /items', ({ guest }) => Response.json({ guest }))
  const session = server.createSession()
  function Items(): ReactNode {
    const fetch = useSessionFetch()
    const { data } = useSWR('/items', async (path) => (await fetch(path)).json())
    return data ? data.guest : 'loading'
  }
  const container = document.createElement('div')
  const root = createRoot(container)

  await act(async () => root.render(h(StrictMode, null, h(SessionProvider, { session }, h(Items)))))
  await vi.waitFor(async () => {
    await act(async () => {})
    expect(container.textContent).toBe(server.guests[0])
  })

  expect(server.count('/items')).toBe(1)
  expect(server.guests).toHaveLength(1)
  await act(async () => root.unmount())
  server.uninstall()
})
