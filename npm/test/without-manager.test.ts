// C27: requests that get no token, before the session manager is loaded, and where it cannot be loaded.

import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { GuestpassError } from '../src/errors.js'
import { TRANSPORT, type TransportInit } from '../src/transport.js'
import type { GuestpassRequestInit } from '../src/types.js'
import { setUp } from './fake-manager.js'

const sent = vi.fn(async (_input: RequestInfo | URL, _init?: RequestInit) => new Response('sent'))

beforeEach(() => {
  sent.mockClear()
  vi.stubGlobal('fetch', sent)
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const OWN = { Authorization: 'Basic eDp5' }

test.each<[string, RequestInfo | URL, GuestpassRequestInit?]>([
  ['to another origin', 'https://elsewhere.example/'],
  ['to another origin, as a URL', new URL('https://elsewhere.example/')],
  ['to another origin, as a Request', new Request('https://elsewhere.example/')],
  ['to another port', 'https://shop.example:8443/'],
  ['with its own Authorization', '/items', { headers: OWN }],
  ['of a Request with its own Authorization', new Request('https://shop.example/items', { headers: OWN })],
  ['to a blob', 'blob:https://shop.example/9f2b'],
  ['that wants no token', '/items', { guestpass: { token: false } }],
])('C27: a request %s is sent, and loads nothing', async (_what, input, init) => {
  const { module, session } = setUp()

  const response = await session.fetch(input, init)

  expect(await response.text()).toBe('sent')
  expect(module.loads).toBe(0)
  expect(session.getSnapshot().status).toBe('idle')
  const [to, given] = sent.mock.calls[0] ?? []
  expect(to).toBe(input instanceof Request ? input : new URL(String(input), 'https://shop.example/').href)
  expect(given).not.toHaveProperty('guestpass')
})

test('C27: it is sent also when the compiled code could not be loaded', async () => {
  const { module, session } = setUp()
  const started = session.start()
  module.fail(new GuestpassError('load_failed', 'no such file'))
  await expect(started).rejects.toMatchObject({ code: 'load_failed' })

  expect(await (await session.fetch('https://elsewhere.example/')).text()).toBe('sent')

  expect(module.loads).toBe(1)
})

test('C12: a request that gets a token waits for the session manager', async () => {
  const { module, session } = setUp({ allowedOrigins: ['https://api.example'] })

  const calls = [
    session.fetch('/items'),
    session.fetch('https://api.example/items'),
    session.fetch(new Request('https://shop.example/items')),
    session.fetch('/items', { headers: { Accept: 'text/plain' } }),
    // `fetch` reads the getters of a `Request` in the place of an init.
    session.fetch('https://elsewhere.example/', new Request('https://shop.example/') as RequestInit),
  ]
  module.succeed()
  await Promise.all(calls)

  expect(sent).not.toHaveBeenCalled()
  expect(module.manager.calls).toHaveLength(calls.length)
})

test('a transport sends the request itself', async () => {
  const { session } = setUp()
  const transport = vi.fn(async () => ({ status: 204, redirected: false, url: '', body: null }))

  const init: TransportInit = { method: 'PUT', [TRANSPORT]: transport }
  await session.fetch('https://elsewhere.example/', init)

  expect(transport).toHaveBeenCalledWith('https://elsewhere.example/', { method: 'PUT' })
  expect(sent).not.toHaveBeenCalled()
})

test("C27: the session's options fetch and requests apply", async () => {
  const own = vi.fn(async () => new Response('own'))
  const { module, session } = setUp({ fetch: own, requests: { token: false } })

  const text = await (await session.fetch('/items', { method: 'PUT' })).text()
  const call = session.fetch('/items', { guestpass: { token: true } })
  module.succeed()
  await call

  expect(text).toBe('own')
  expect(own.mock.calls).toEqual([['https://shop.example/items', { method: 'PUT' }]])
  expect(module.manager.calls).toEqual(['fetch /items'])
})

test('a closed session sends nothing', async () => {
  const { session } = setUp()
  session.close()

  await expect(session.fetch('https://elsewhere.example/')).rejects.toMatchObject({ code: 'closed' })

  expect(sent).not.toHaveBeenCalled()
})
