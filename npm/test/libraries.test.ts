// Libraries that take a `fetch`, used with `session.fetch` and the real session manager.

import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { QueryClient } from '@tanstack/react-query'
import axios from 'axios'
import { EventSource } from 'eventsource'
import ky from 'ky'
import createOpenApiClient from 'openapi-fetch'
import { createClient as createUrqlClient, fetchExchange, gql } from 'urql'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { createTestServer, type TestServer } from '../src/testing/index.js'
import type { Session } from '../src/types.js'

const FIRST = 'anonymous_00000000-0000-4000-8000-000000000001'

let server: TestServer
let session: Session

/** The session has a guest whose token the server refuses, so that the first request has to be replayed. */
beforeEach(async () => {
  server = createTestServer()
  server.on('GET /items', ({ guest }) => Response.json({ guest }))
  server.on('POST /orders', async ({ guest, request }) => Response.json({ guest, order: await request.json() }))
  session = server.createSession()
  await session.token()
  server.expire()
})

afterEach(() => server.uninstall())

function statuses(path: string): number[] {
  return server.requests.filter((request) => request.path === path).map(({ status }) => status)
}

test('C3: axios with its adapter for fetch over session.fetch', async () => {
  const api = axios.create({ baseURL: server.origin, adapter: 'fetch', env: { fetch: session.fetch } })

  const { data } = await api.post('/orders', { item: 'tea' })

  expect(data).toEqual({ guest: FIRST, order: { item: 'tea' } })
  expect(statuses('/orders')).toEqual([401, 200])
})

test('C3: ky', async () => {
  const api = ky.create({ prefixUrl: server.origin, fetch: session.fetch, retry: 0 })

  const json = await api.post('orders', { json: { item: 'tea' } }).json()

  expect(json).toEqual({ guest: FIRST, order: { item: 'tea' } })
  expect(statuses('/orders')).toEqual([401, 200])
})

interface Paths {
  '/orders': {
    post: {
      requestBody: { content: { 'application/json': { item: string } } }
      responses: { 200: { content: { 'application/json': { guest: string; order: { item: string } } } } }
    }
  }
}

test('C3: openapi-fetch', async () => {
  const api = createOpenApiClient<Paths>({ baseUrl: server.origin, fetch: session.fetch })

  const { data } = await api.POST('/orders', { body: { item: 'tea' } })

  expect(data).toEqual({ guest: FIRST, order: { item: 'tea' } })
  expect(statuses('/orders')).toEqual([401, 200])
})

test('TanStack Query: two equal queries send one request, and cancelling a query aborts it', async () => {
  const client = new QueryClient()
  const items = (path: string) => ({
    queryKey: [path],
    queryFn: async ({ signal }: { signal: AbortSignal }) => (await session.fetch(path, { signal })).json(),
  })

  const [first, second] = await Promise.all([client.fetchQuery(items('/items')), client.fetchQuery(items('/items'))])
  expect([first, second]).toEqual([{ guest: FIRST }, { guest: FIRST }])
  expect(statuses('/items')).toEqual([401, 200])

  session.expire()
  const cancelled = client.fetchQuery({ ...items('/items?2'), retry: false })
  await client.cancelQueries()
  await expect(cancelled).rejects.toThrow()
  expect(statuses('/items')).toEqual([401, 200])
  client.clear()
})

test('urql', async () => {
  server.on('POST /graphql', ({ guest }) => Response.json({ data: { me: { __typename: 'Guest', id: guest } } }))
  const client = createUrqlClient({
    url: `${server.origin}/graphql`,
    exchanges: [fetchExchange],
    fetch: session.fetch,
    preferGetMethod: false,
  })

  const { data, error } = await client.query(gql`{ me { id } }`, {}).toPromise()

  expect(error).toBeUndefined()
  expect(data).toMatchObject({ me: { id: FIRST } })
  expect(statuses('/graphql')).toEqual([401, 200])
})

test('an EventSource that takes a fetch: the request carries the token, which is refreshed after a 401', async () => {
  server.on('GET /news', ({ guest }) => {
    const body = `id: 1\ndata: for ${guest}\n\n`
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
  })

  const source = new EventSource(`${server.origin}/news`, { fetch: session.fetch })
  const { data } = await new Promise<MessageEvent>((resolve, reject) => {
    source.onmessage = resolve
    source.onerror = ({ message }) => reject(new Error(message))
  })
  source.close()

  expect(data).toBe(`for ${FIRST}`)
  expect(statuses('/news')).toEqual([401, 200])
})

test('C13: a WebSocket sends the token as a subprotocol, not in its URL', async () => {
  const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'shop.v1' })
  await once(sockets, 'listening')
  const { port } = sockets.address() as AddressInfo
  sockets.on('connection', (socket, request) => {
    const offered = request.headers['sec-websocket-protocol']?.split(/, */) ?? []
    const token = offered.find((protocol) => protocol.startsWith('bearer.'))?.slice('bearer.'.length)
    socket.send(JSON.stringify({ url: request.url, token }))
  })
  const token = await session.token()

  const socket = new WebSocket(`ws://127.0.0.1:${port}/news`, ['shop.v1', `bearer.${token}`])
  const [message] = await once(socket, 'message')
  socket.terminate()
  sockets.close()

  expect(JSON.parse(String(message))).toEqual({ url: '/news', token })
  expect(socket.protocol).toBe('shop.v1')
})
