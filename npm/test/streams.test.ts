// Streams over real connections. An HTTP and a WebSocket server verify tokens with the test server of `guestpass/testing`.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { EventSource } from 'eventsource'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { type EventStreamOptions, eventStream, openWebSocket, type ServerSentEvent } from '../src/streams/index.js'
import { EventParser } from '../src/streams/parser.js'
import { createTestClock, createTestServer, type TestServer } from '../src/testing/index.js'
import type { Session } from '../src/types.js'

const FIRST = 'anonymous_00000000-0000-4000-8000-000000000001'
const SECOND = 'anonymous_00000000-0000-4000-8000-000000000002'
const ADA = { email: 'ada@example.com', password: 'correct horse' }

let issuer: TestServer
let session: Session
let http: Server
let origin: string

beforeEach(async () => {
  http = createServer().listen(0, '127.0.0.1')
  await once(http, 'listening')
  origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  issuer = createTestServer()
  session = issuer.createSession({ allowedOrigins: [origin] })
})

afterEach(async () => {
  issuer.uninstall()
  vi.unstubAllGlobals()
  http.closeAllConnections()
  await new Promise((resolve) => http.close(resolve))
})

/** The subject of a token, which a service reads from `/me`. */
async function bearerOf(token: string | undefined): Promise<string | undefined> {
  const response = await issuer.fetch(`${issuer.origin}/me`, { headers: { Authorization: `Bearer ${token}` } })
  return response.ok ? (await response.json()).id : undefined
}

interface Visit {
  readonly visitor: string | undefined
  readonly lastEventId: string | undefined
  /** Resolves when the client has closed the connection. */
  readonly closed: Promise<unknown>
}

/** Adds a handler for the first authenticated request, the second, and so on. The last one handles all further requests. */
function serve(...handlers: ((response: ServerResponse, visit: Visit) => void)[]): Visit[] {
  const visits: Visit[] = []
  http.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const visitor = await bearerOf(request.headers.authorization?.replace('Bearer ', ''))
    const lastEventId = request.headers['last-event-id'] as string | undefined
    const visit = { visitor, lastEventId, closed: once(response, 'close') }
    visits.push(visit)
    if (!visitor) response.writeHead(401).end()
    else handlers[Math.min(visits.filter(({ visitor }) => visitor).length, handlers.length) - 1]?.(response, visit)
  })
  return visits
}

function begin(response: ServerResponse, text = ''): ServerResponse {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).flushHeaders()
  response.write(`retry: 1\n\n${text}`)
  return response
}

function news(options?: EventStreamOptions) {
  return eventStream(session, `${origin}/news`, options)
}

async function next(stream: AsyncGenerator<ServerSentEvent>): Promise<ServerSentEvent | undefined> {
  const { value, done } = await stream.next()
  return done ? undefined : value
}

describe('eventStream', () => {
  test('yields events after a refresh of the token, and leaving the loop closes the connection', async () => {
    const visits = serve((response, { visitor }) => void begin(response, `id: 1\nevent: hello\ndata: ${visitor}\n\n`))
    await session.token()
    issuer.expire()

    for await (const event of news()) {
      expect(event).toEqual({ event: 'hello', data: FIRST, id: '1' })
      break
    }

    expect(visits.map(({ visitor }) => visitor)).toEqual([undefined, FIRST])
    await visits[1]?.closed
  })

  test('reconnects with Last-Event-ID and a fresh token', async () => {
    let broken: ServerResponse | undefined
    const visits = serve(
      (response) => void begin(response, 'id: ä1\ndata: one\n\nid: 2\ndata: cut short').end(),
      (response) => {
        broken = begin(response, 'data: two\n\n')
      },
      (response) => void begin(response, 'data: three\n\n'),
    )
    const retries: unknown[] = []
    const stream = news({ onRetry: (error, delay) => retries.push([(error as Error).name, delay < 2]) })

    expect(await next(stream)).toEqual({ event: 'message', data: 'one', id: 'ä1' })
    issuer.expire()
    expect(await next(stream)).toMatchObject({ data: 'two', id: 'ä1' })
    broken?.destroy()
    expect(await next(stream)).toMatchObject({ data: 'three' })

    const ids = visits.map(({ lastEventId }) => lastEventId && Buffer.from(lastEventId, 'latin1').toString())
    expect(ids).toEqual([undefined, 'ä1', 'ä1', 'ä1'])
    expect(visits.map(({ visitor }) => visitor)).toEqual([FIRST, undefined, FIRST, FIRST])
    expect(retries).toEqual(Array(2).fill(['GuestpassError', true]))
    await stream.return()
  })

  test('starts after lastEventId, and ends with a 204', async () => {
    const visits = serve((response) => void response.writeHead(204).end())

    expect(await next(news({ lastEventId: '41' }))).toBeUndefined()

    expect(visits.map(({ lastEventId }) => lastEventId)).toEqual(['41'])
  })

  test('the delay doubles with each failure, and Retry-After is respected', async () => {
    const clock = createTestClock()
    const failing = issuer.createSession({ name: 'failing' })
    await failing.token()
    issuer.fail({ path: '/news', with: 'network', times: 5 })
    issuer.fail({ path: '/news', with: 503, retryAfter: 60 })
    issuer.on(
      'GET /news',
      () => new Response('data: at last\n\n', { headers: { 'content-type': 'text/event-stream' } }),
    )
    const delays: number[] = []
    const stream = eventStream(failing, '/news', { onRetry: (_error, delay) => delays.push(delay) })

    const event = next(stream)
    await clock.advance(4 * 60_000)

    expect(await event).toMatchObject({ data: 'at last' })
    const shortest = [3000, 6000, 12_000, 24_000, 30_000, 60_000]
    expect(delays).toHaveLength(6)
    for (const [index, delay] of delays.entries()) {
      expect(delay).toBeGreaterThanOrEqual(shortest[index] as number)
      expect(delay).toBeLessThanOrEqual(Math.max(1.5 * Math.min(3000 * 2 ** index, 30_000), shortest[index] as number))
    }
    clock.uninstall()
  })

  test('reconnects at once after retry: 0, but not after a failure', async () => {
    const clock = createTestClock()
    const failing = issuer.createSession({ name: 'failing' })
    await failing.token()
    const streamOf = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } })
    let visits = 0
    issuer.on('GET /news', () => {
      visits += 1
      return visits === 1 ? streamOf('retry: 0\ndata: one\n\n') : new Response(null, { status: 503 })
    })
    const delays: number[] = []
    const stream = eventStream(failing, '/news', { onRetry: (_error, delay) => delays.push(delay) })
    expect(await next(stream)).toMatchObject({ data: 'one' })

    const waiting = next(stream).catch((error) => error)
    await clock.advance(60_000)

    expect(delays[0]).toBe(0)
    const shortest = [2000, 4000, 8000, 16_000, 30_000]
    expect(delays.slice(1, 4).every((delay, index) => delay >= (shortest[index] as number))).toBe(true)
    expect(visits).toBeLessThanOrEqual(6)
    failing.close()
    expect(await waiting).toMatchObject({ code: 'closed' })
    clock.uninstall()
  })

  test('limits a very long retry to the longest delay of a timer', async () => {
    const clock = createTestClock()
    const patient = issuer.createSession({ name: 'patient' })
    issuer.on(
      'GET /news',
      () => new Response(`retry: ${'9'.repeat(400)}\n\n`, { headers: { 'content-type': 'text/event-stream' } }),
    )
    const delays: number[] = []
    const controller = new AbortController()
    const onRetry = (_error: unknown, delay: number) => delays.push(delay)
    const waiting = next(eventStream(patient, '/news', { signal: controller.signal, onRetry })).catch((error) => error)
    await clock.advance(60_000)

    expect(delays).toEqual([2 ** 31 - 1])
    controller.abort(new Error('enough'))
    expect(await waiting).toMatchObject({ message: 'enough' })
    clock.uninstall()
  })

  test.each([
    [404, 'text/event-stream', { code: 'rejected', status: 404, message: expect.stringContaining('404') }],
    [200, 'text/html', { code: 'rejected', status: 200, message: expect.stringContaining('text/html') }],
  ])('a response of %d with %s rejects, without another attempt', async (status, type, error) => {
    const visits = serve((response) => void response.writeHead(status, { 'content-type': type }).end('no'))

    await expect(next(news())).rejects.toMatchObject(error)

    expect(visits).toHaveLength(1)
  })

  test('an invalid URL or header rejects at once', async () => {
    await expect(next(eventStream(session, 'http://'))).rejects.toThrow(TypeError)
    await expect(next(news({ headers: { 'no header': '' } }))).rejects.toThrow(TypeError)
    expect(issuer.requests).toEqual([])
  })

  test('C5: its signal ends it while it connects, waits for an event, or waits for the next attempt', async () => {
    const visits = serve(
      (response) => void begin(response),
      (response) => void response.writeHead(503).end(),
    )
    const stop = () => {
      const controller = new AbortController()
      return { signal: controller.signal, abort: () => controller.abort(new Error('enough')) }
    }

    const first = stop()
    const connecting = next(news(first))
    first.abort()
    await expect(connecting).rejects.toThrow('enough')
    await expect(next(news(first))).rejects.toThrow('enough')
    expect(visits).toEqual([])

    const second = stop()
    const waiting = next(news(second))
    await vi.waitFor(() => expect(visits).toHaveLength(1))
    second.abort()
    await expect(waiting).rejects.toThrow('enough')
    await visits[0]?.closed

    const third = stop()
    const failing = next(news({ signal: third.signal, onRetry: third.abort }))
    await expect(failing).rejects.toThrow('enough')
    expect(visits).toHaveLength(2)
  })

  test('rejects when the session is signed out, and drops events that have arrived', async () => {
    const visits = serve((response) => void begin(response, 'data: one\n\ndata: two\n\n'))
    const stream = news()
    expect(await next(stream)).toMatchObject({ data: 'one' })

    await session.signOut()

    await expect(next(stream)).rejects.toMatchObject({ code: 'signed_out' })
    await visits[0]?.closed
    expect(issuer.guests).toHaveLength(1)
  })

  test('creates no guest after a sign-out between two attempts', async () => {
    serve((response) => void response.writeHead(503).end())
    const failing = news({ onRetry: () => void session.signOut() })

    await expect(next(failing)).rejects.toMatchObject({ code: 'signed_out' })

    expect(issuer.guests).toHaveLength(1)
  })

  test('rejects when the session is closed, also with a body that ignores the signal', async () => {
    const body = () =>
      new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('data: 1\n\n')) })
    issuer.on('GET /news', () => new Response(body(), { headers: { 'content-type': 'text/event-stream' } }))
    const stream = eventStream(session, '/news')
    expect(await next(stream)).toMatchObject({ data: '1' })
    const waiting = next(stream)

    session.close()

    await expect(waiting).rejects.toMatchObject({ code: 'closed' })
  })

  test('C10: reconnects as the new visitor, without Last-Event-ID', async () => {
    const visits = serve((response, { visitor }) => void begin(response, `id: 7\ndata: ${visitor}\n\ndata: more\n\n`))
    const stream = news({ lastEventId: '6' })
    expect(await next(stream)).toMatchObject({ data: FIRST })

    const { id } = await session.register(ADA)
    expect(await next(stream)).toMatchObject({ data: id })

    issuer.revoke()
    await session.fetch('/me')
    expect(await next(stream)).toMatchObject({ data: SECOND })

    expect(visits.map(({ visitor, lastEventId }) => [visitor, lastEventId])).toEqual([
      [FIRST, '6'],
      [id, undefined],
      [SECOND, undefined],
    ])
    await stream.return()
  })

  test('C12: sends no token to an origin that is not allowed', async () => {
    const visits = serve()
    const other = issuer.createSession({ name: 'other' })

    await expect(next(eventStream(other, `${origin}/news`))).rejects.toMatchObject({ code: 'rejected', status: 401 })

    expect(visits).toMatchObject([{ visitor: undefined }])
  })
})

describe('EventParser', () => {
  const read = (text: string, lastEventId = '') => {
    const parser = new EventParser(lastEventId)
    return { events: parser.push(text), parser }
  }

  test.each([
    ['fields, comments and unknown names', ': hi\nevent: a\ndata: x\nnope: 1\ndata\n\n', [['a', 'x\n', '']]],
    [
      'all line endings',
      'data:1\r\rdata:2\n\ndata:3\r\n\r\n',
      [
        ['message', '1', ''],
        ['message', '2', ''],
        ['message', '3', ''],
      ],
    ],
    ['one space after the colon only', 'data:  x\n\n', [['message', ' x', '']]],
    [
      'an id applies to later events, until an empty id',
      'id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n',
      [
        ['message', 'a', '1'],
        ['message', 'b', '1'],
        ['message', 'c', ''],
      ],
    ],
    ['no NUL in an id', 'id: 1\0\ndata: a\n\n', [['message', 'a', '']]],
    ['no event without data, but its id applies', 'id: 5\nevent: x\n\ndata: a\n\n', [['message', 'a', '5']]],
    ['no incomplete event', 'data: a\n', []],
  ])('%s', (_what, text, expected) => {
    expect(read(text).events.map(({ event, data, id }) => [event, data, id])).toEqual(expected)
  })

  test('an id applies when its event is complete, and retry must be digits', () => {
    expect(read('id: 2\ndata: a\n', '1').parser.lastEventId).toBe('1')
    expect(read('retry: 10\n').parser.retry).toBe(10)
    expect(read('retry: 1e3\n').parser.retry).toBeUndefined()
  })

  test('parses random streams in random pieces like the package eventsource', async () => {
    const parts = [
      'data',
      'event',
      'id',
      ':',
      ' ',
      '\n',
      '\n\n',
      '\r',
      '\r\n',
      'x',
      'ü€',
      '🍵',
      '\uFEFF',
      'data: y\n\n',
    ]
    let state = 1
    const random = (below: number) => {
      state = (state * 48271) % 0x7fffffff
      return state % below
    }
    for (let run = 0; run < 300; run++) {
      const text = Array.from({ length: 40 }, () => parts[random(parts.length)]).join('')
      const bytes = new TextEncoder().encode(`${text}\n\nevent: end\ndata: end\n\n`)
      const body = () => {
        let at = 0
        return new ReadableStream({
          pull(stream) {
            if (at >= bytes.length) return stream.close()
            const size = 1 + random(9)
            stream.enqueue(bytes.slice(at, at + size))
            at += size
          },
        })
      }
      const respond = () => new Response(body(), { headers: { 'content-type': 'text/event-stream' } })

      const events: ServerSentEvent[] = []
      const stub = { fetch: async () => respond(), getSnapshot: () => session.getSnapshot(), subscribe: () => () => {} }
      for await (const event of eventStream(stub as unknown as Session, 'https://shop.example/')) {
        if (event.event === 'end') break
        events.push(event)
      }

      const others = await eventsByEventSource(respond)
      // That package reports an id with its own event only. By the standard, an id applies to later events too.
      const comparable = events.map((event, index) => (others[index]?.id ? event : { ...event, id: '' }))
      expect(comparable, JSON.stringify(text)).toEqual(others)
    }
  })
})

async function eventsByEventSource(respond: () => Response): Promise<ServerSentEvent[]> {
  const source = new EventSource('https://shop.example/', { fetch: async () => respond() as never })
  const events: ServerSentEvent[] = []
  await new Promise<void>((resolve) => {
    const dispatch = source.dispatchEvent.bind(source)
    source.dispatchEvent = (event) => {
      const { type, data, lastEventId } = event as MessageEvent
      if (data !== undefined && type !== 'end' && type !== 'error') events.push({ event: type, data, id: lastEventId })
      if (type === 'end') resolve()
      return dispatch(event)
    }
  })
  source.close()
  return events
}

describe('openWebSocket', () => {
  let sockets: WebSocketServer
  /** The connections that the server has accepted. */
  const connections: { readonly url: string | undefined; readonly visitor: string | undefined }[] = []
  const open = () => openWebSocket(session, `${origin.replace('http', 'ws')}/news`, ['shop.v1'])

  beforeEach(() => {
    vi.stubGlobal('WebSocket', WebSocket)
    connections.length = 0
    sockets = new WebSocketServer({ server: http, handleProtocols: () => 'shop.v1' })
    sockets.on('connection', async (socket, { url, headers }) => {
      const offered = headers['sec-websocket-protocol']?.split(/, */) ?? []
      const visitor = await bearerOf(offered.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length))
      connections.push({ url, visitor })
      if (visitor) socket.send(visitor)
      else socket.close(4401)
    })
  })

  afterEach(() => {
    for (const socket of sockets.clients) socket.terminate()
    sockets.close()
  })

  async function message(socket: globalThis.WebSocket): Promise<unknown> {
    return await new Promise((resolve, reject) => {
      socket.onmessage = ({ data }) => resolve(data)
      socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`))
    })
  }

  test('C13: sends a fresh token, and not in the URL', async () => {
    await session.token()
    session.expire()

    const socket = await open()

    expect(await message(socket)).toBe(FIRST)
    expect(socket.protocol).toBe('shop.v1')
    expect(connections).toEqual([{ url: '/news', visitor: FIRST }])
    expect(issuer.count('/token')).toBe(1)
  })

  test('after a close with 4401, the next socket sends a refreshed token', async () => {
    await session.token()
    issuer.expire()

    await expect(message(await open())).rejects.toThrow('closed with 4401')

    expect(await message(await open())).toBe(FIRST)
  })

  test('closes when the visitor changes and when the session is signed out', async () => {
    const first = await open()
    await message(first)
    const closed = message(first)
    await session.register(ADA)
    await expect(closed).rejects.toThrow('closed with 3000')
    const renewed = issuer.count('/token')

    const second = await open()
    expect(await message(second)).toMatch(/^user_/)
    expect(issuer.count('/token')).toBe(renewed)
    const gone = message(second)
    await session.signOut()
    await expect(gone).rejects.toThrow('closed with 3000')
  })

  test('C12: opens no socket to an origin that is not allowed', async () => {
    const other = issuer.createSession({ name: 'other' })

    const socket = openWebSocket(other, origin, 'shop.v1')

    await expect(socket).rejects.toMatchObject({ code: 'invalid_option', message: expect.stringContaining(origin) })
    expect(connections).toEqual([])
  })

  test('C13: the error for a token that cannot be a subprotocol does not contain the token', async () => {
    issuer.uninstall()
    const body = { access_token: 'a/secret==', token_type: 'bearer' }
    vi.stubGlobal('fetch', async () => Response.json(body))
    const classic = issuer.createSession({ name: 'classic', allowedOrigins: [origin] })
    vi.stubGlobal('fetch', async () => Response.json(body))

    const error = await openWebSocket(classic, origin, 'shop.v1').catch((error) => error)

    expect(error).toMatchObject({ code: 'invalid_option' })
    expect(`${error.message} ${error.stack} ${error.cause}`).not.toContain('secret')
    classic.close()
  })

  test('C5: aborting rejects while it waits for a token', async () => {
    const controller = new AbortController()
    const socket = openWebSocket(session, origin, 'shop.v1', { signal: controller.signal })

    controller.abort(new Error('enough'))

    await expect(socket).rejects.toThrow('enough')
    expect(connections).toEqual([])
  })

  test('C5: opens no socket with an aborted signal, also when there is a token', async () => {
    const opened = vi.fn()
    vi.stubGlobal('WebSocket', opened)
    await session.token()

    const socket = openWebSocket(session, origin, 'shop.v1', { signal: AbortSignal.abort(new Error('enough')) })

    await expect(socket).rejects.toThrow('enough')
    expect(opened).not.toHaveBeenCalled()
  })

  test.each([[''], [[]], [['shop v1']], [undefined as unknown as string]])(
    'invalid protocols reject: %j',
    async (names) => {
      await expect(openWebSocket(session, origin, names)).rejects.toMatchObject({
        code: 'invalid_option',
        message: expect.stringContaining('protocols'),
      })
      expect(issuer.requests).toEqual([])
    },
  )

  test('without a global WebSocket, the error says what to do', async () => {
    vi.stubGlobal('WebSocket', undefined)

    await expect(openWebSocket(session, origin, 'shop.v1')).rejects.toThrow('Node')
  })
})
