import { jest } from '@jest/globals'
import { createSession } from 'guestpass'
import { SessionProvider, useSession } from 'guestpass/react'
import { createTestServer } from 'guestpass/testing'
import { act, createElement } from 'react'
import { createRoot } from 'react-dom/client'

globalThis.IS_REACT_ACT_ENVIRONMENT = true

const Visitor = () => useSession((snapshot) => snapshot.id)

test('the guest keeps the id when the access token expires', async () => {
  const server = createTestServer()
  server.install()
  const session = createSession({ baseUrl: server.origin })
  const root = createRoot(document.body.appendChild(document.createElement('main')))
  await act(async () => root.render(createElement(SessionProvider, { session }, createElement(Visitor))))
  await act(async () => void (await session.fetch('/me')))

  server.expire()
  const response = await session.fetch('/me', { signal: new AbortController().signal })

  expect(response.status).toBe(200)
  expect(document.querySelector('main').textContent).toBe(server.guests[0])
  expect(server.guests).toHaveLength(1)
  await act(async () => root.unmount())
  session.close()
  server.uninstall()
})

test('a session uses the fake timers of Jest', async () => {
  jest.useFakeTimers()
  const server = createTestServer()
  const session = server.createSession()
  await session.token()

  await jest.advanceTimersByTimeAsync(16 * 60_000)
  expect((await session.fetch('/me')).status).toBe(200)

  expect(server.count('/token')).toBe(1)
  server.uninstall()
  jest.useRealTimers()
})
