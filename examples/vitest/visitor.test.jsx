// @vitest-environment jsdom
import { createSession } from 'guestpass'
import { SessionProvider } from 'guestpass/react'
import { createTestServer } from 'guestpass/testing'
import { act } from 'react'
import { createRoot } from 'react-dom/client'
import { expect, test } from 'vitest'
import { Visitor } from './visitor.jsx'

globalThis.IS_REACT_ACT_ENVIRONMENT = true

test('the guest keeps the id when the access token expires', async () => {
  const server = createTestServer()
  server.install()
  const session = createSession({ baseUrl: server.origin })
  const root = createRoot(document.body.appendChild(document.createElement('main')))
  await act(async () =>
    root.render(
      <SessionProvider session={session}>
        <Visitor />
      </SessionProvider>,
    ),
  )
  await act(async () => void (await session.fetch('/me')))

  server.expire()
  const response = await session.fetch('/me', { signal: new AbortController().signal })

  expect(response.status).toBe(200)
  expect(document.querySelector('output').textContent).toBe(server.guests[0])
  expect(server.guests).toHaveLength(1)
  await act(async () => root.unmount())
  session.close()
  server.uninstall()
})
