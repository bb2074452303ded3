// Streams over real connections: an HTTP and a WebSocket server that verify tokens at the test kit's issuer.

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

/** Whose token it is, as any service would ask. */
async function bearerOf(token: string | undefined): Promise<string | undefined> {
  const answer = await issuer.fetch(`${issuer.origin}/me`, { headers: { Authorization: `Bearer ${token}` } })
  return answer.ok ? (await answer.json()).id : undefined
}

interface Visit {
  readonly visitor: string | undefined
  readonly lastEventId: string | undefined
  /** When the client has closed the connection. */
  readonly closed: Promise<unknown>
}

/** What the server answers to the first connection, the second, and so on; the last one is for all that follow. */
function serve(...answers: ((response: ServerResponse, visit: Visit) => void)[]): Visit[] {
  const visits: Visit[] = []
  http.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const visitor = await bearerOf(request.headers.authorization?.replace('Bearer ', ''))
    const lastEventId = request.headers['last-event-id'] as string | undefined
    const visit = { visitor, lastEventId, closed: once(response, 'close') }
    visits.push(visit)
    if (!visitor) response.writeHead(401).end()
    else answers[Math.min(visits.filter(({ visitor }) => visitor).length, answers.length) - 1]?.(response, visit)
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
  test('gives the events of a stream whose token had to be renewed, and closes the connection with the loop', async () => {
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

  test('comes back where it was, with a fresh token', async () => {
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

  test('goes on where the caller says, and ends when the server has no more', async () => {
    const visits = serve((response) => void response.writeHead(204).end())

    expect(await next(news({ lastEventId: '41' }))).toBeUndefined()

    expect(visits.map(({ lastEventId }) => lastEventId)).toEqual(['41'])
  })

  test('waits longer and longer while the server fails, and as long as it says', async () => {
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
    const least = [3000, 6000, 12_000, 24_000, 30_000, 60_000]
    expect(delays).toHaveLength(6)
    for (const [index, delay] of delays.entries()) {
      expect(delay).toBeGreaterThanOrEqual(least[index] as number)
      expect(delay).toBeLessThanOrEqual(Math.max(1.5 * Math.min(3000 * 2 ** index, 30_000), least[index] as number))
    }
    clock.uninstall()
  })

  test('comes back at once where the server asks for it, but not while it fails', async () => {
    const clock = createTestClock()
    const failing = issuer.createSession({ name: 'failing' })
    await failing.token()
    const answer = (text: string) => new Response(text, { headers: { 'content-type': 'text/event-stream' } })
    let visits = 0
    issuer.on('GET /news', () => {
      visits += 1
      return visits === 1 ? answer('retry: 0\ndata: one\n\n') : new Response(null, { status: 503 })
    })
    const delays: number[] = []
    const stream = eventStream(failing, '/news', { onRetry: (_error, delay) => delays.push(delay) })
    expect(await next(stream)).toMatchObject({ data: 'one' })

    const waiting = next(stream).catch((error) => error)
    await clock.advance(60_000)

    expect(delays[0]).toBe(0)
    const least = [2000, 4000, 8000, 16_000, 30_000]
    expect(delays.slice(1, 4).every((delay, index) => delay >= (least[index] as number))).toBe(true)
    expect(visits).toBeLessThanOrEqual(6)
    failing.close()
    expect(await waiting).toMatchObject({ code: 'closed' })
    clock.uninstall()
  })

  test('waits no longer than a timer can, whatever the server asks for, so that it does not come back at once', async () => {
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
  ])('an answer of %d as %s is an error, and not tried again', async (status, type, error) => {
    const visits = serve((response) => void response.writeHead(status, { 'content-type': type }).end('no'))

    await expect(next(news())).rejects.toMatchObject(error)

    expect(visits).toHaveLength(1)
  })

  test('what is no URL or no header is an error at once', async () => {
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

  test('ends with the session, and what has come for the visitor is not given out', async () => {
    const visits = serve((response) => void begin(response, 'data: one\n\ndata: two\n\n'))
    const stream = news()
    expect(await next(stream)).toMatchObject({ data: 'one' })

    await session.signOut()

    await expect(next(stream)).rejects.toMatchObject({ code: 'signed_out' })
    await visits[0]?.closed
    expect(issuer.guests).toHaveLength(1)
  })

  test('makes no guest after a sign-out between two attempts', async () => {
    serve((response) => void response.writeHead(503).end())
    const failing = news({ onRetry: () => void session.signOut() })

    await expect(next(failing)).rejects.toMatchObject({ code: 'signed_out' })

    expect(issuer.guests).toHaveLength(1)
  })

  test('ends when the session is closed, also where a body takes no notice', async () => {
    const body = () =>
      new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode('data: 1\n\n')) })
    issuer.on('GET /news', () => new Response(body(), { headers: { 'content-type': 'text/event-stream' } }))
    const stream = eventStream(session, '/news')
    expect(await next(stream)).toMatchObject({ data: '1' })
    const waiting = next(stream)

    session.close()

    await expect(waiting).rejects.toMatchObject({ code: 'closed' })
  })

  test('C10: goes on as whom the session stands for, from the start', async () => {
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

  test('C12: sends no token elsewhere', async () => {
    const visits = serve()
    const other = issuer.createSession({ name: 'other' })

    await expect(next(eventStream(other, `${origin}/news`))).rejects.toMatchObject({ code: 'rejected', status: 401 })

    expect(visits).toMatchObject([{ visitor: undefined }])
  })
})

describe('the format of a stream', () => {
  const read = (text: string, lastEventId = '') => {
    const parser = new EventParser(lastEventId)
    return { events: parser.push(text), parser }
  }

  test.each([
    ['fields, comments and unknown names', ': hi\nevent: a\ndata: x\nnope: 1\ndata\n\n', [['a', 'x\n', '']]],
    [
      'all ends of lines',
      'data:1\r\rdata:2\n\ndata:3\r\n\r\n',
      [
        ['message', '1', ''],
        ['message', '2', ''],
        ['message', '3', ''],
      ],
    ],
    ['one space after the colon only', 'data:  x\n\n', [['message', ' x', '']]],
    [
      'an id that stays, and one that is taken back',
      'id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n',
      [
        ['message', 'a', '1'],
        ['message', 'b', '1'],
        ['message', 'c', ''],
      ],
    ],
    ['no NUL in an id', 'id: 1\0\ndata: a\n\n', [['message', 'a', '']]],
    ['nothing without data, but the id counts', 'id: 5\nevent: x\n\ndata: a\n\n', [['message', 'a', '5']]],
    ['nothing that is not complete', 'data: a\n', []],
  ])('%s', (_what, text, expected) => {
    expect(read(text).events.map(({ event, data, id }) => [event, data, id])).toEqual(expected)
  })

  test('an id counts once its event is complete, and retry is made of digits', () => {
    expect(read('id: 2\ndata: a\n', '1').parser.lastEventId).toBe('1')
    expect(read('retry: 10\n').parser.retry).toBe(10)
    expect(read('retry: 1e3\n').parser.retry).toBeUndefined()
  })

  test('it is what the package eventsource reads, in whatever pieces it arrives', async () => {
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
      const answer = () => new Response(body(), { headers: { 'content-type': 'text/event-stream' } })

      const events: ServerSentEvent[] = []
      const stub = { fetch: async () => answer(), getSnapshot: () => session.getSnapshot(), subscribe: () => () => {} }
      for await (const event of eventStream(stub as unknown as Session, 'https://shop.example/')) {
        if (event.event === 'end') break
        events.push(event)
      }

      const others = await eventsByEventSource(answer)
      // That package gives an id with its own event only. By the standard, it stays for those that follow.
      const comparable = events.map((event, index) => (others[index]?.id ? event : { ...event, id: '' }))
      expect(comparable, JSON.stringify(text)).toEqual(others)
    }
  })
})

async function eventsByEventSource(answer: () => Response): Promise<ServerSentEvent[]> {
  const source = new EventSource('https://shop.example/', { fetch: async () => answer() as never })
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
  /** Who has come, and by which URL. */
  const met: { readonly url: string | undefined; readonly visitor: string | undefined }[] = []
  const anew = () => openWebSocket(session, `${origin.replace('http', 'ws')}/news`, ['shop.v1'])

  beforeEach(() => {
    vi.stubGlobal('WebSocket', WebSocket)
    met.length = 0
    sockets = new WebSocketServer({ server: http, handleProtocols: () => 'shop.v1' })
    sockets.on('connection', async (socket, { url, headers }) => {
      const offered = headers['sec-websocket-protocol']?.split(/, */) ?? []
      const visitor = await bearerOf(offered.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length))
      met.push({ url, visitor })
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

  test('C13: brings the token along, fresh, and not in the URL', async () => {
    await session.token()
    session.expire()

    const socket = await anew()

    expect(await message(socket)).toBe(FIRST)
    expect(socket.protocol).toBe('shop.v1')
    expect(met).toEqual([{ url: '/news', visitor: FIRST }])
    expect(issuer.count('/token')).toBe(1)
  })

  test('a token that the server refuses is a fresh one with the next socket', async () => {
    await session.token()
    issuer.expire()

    await expect(message(await anew())).rejects.toThrow('closed with 4401')

    expect(await message(await anew())).toBe(FIRST)
  })

  test('closes when the session stands for another visitor, or for none', async () => {
    const first = await anew()
    await message(first)
    const closed = message(first)
    await session.register(ADA)
    await expect(closed).rejects.toThrow('closed with 3000')
    const renewed = issuer.count('/token')

    const second = await anew()
    expect(await message(second)).toMatch(/^user_/)
    expect(issuer.count('/token')).toBe(renewed)
    const gone = message(second)
    await session.signOut()
    await expect(gone).rejects.toThrow('closed with 3000')
  })

  test('C12: goes to allowed origins only', async () => {
    const other = issuer.createSession({ name: 'other' })

    const socket = openWebSocket(other, origin, 'shop.v1')

    await expect(socket).rejects.toMatchObject({ code: 'invalid_option', message: expect.stringContaining(origin) })
    expect(met).toEqual([])
  })

  test('C13: a token that cannot be a subprotocol is not repeated by the error', async () => {
    issuer.uninstall()
    const answer = { access_token: 'a/secret==', token_type: 'bearer' }
    vi.stubGlobal('fetch', async () => Response.json(answer))
    const classic = issuer.createSession({ name: 'classic', allowedOrigins: [origin] })
    vi.stubGlobal('fetch', async () => Response.json(answer))

    const error = await openWebSocket(classic, origin, 'shop.v1').catch((error) => error)

    expect(error).toMatchObject({ code: 'invalid_option' })
    expect(`${error.message} ${error.stack} ${error.cause}`).not.toContain('secret')
    classic.close()
  })

  test('C5: gives up waiting for a token', async () => {
    const controller = new AbortController()
    const socket = openWebSocket(session, origin, 'shop.v1', { signal: controller.signal })

    controller.abort(new Error('enough'))

    await expect(socket).rejects.toThrow('enough')
    expect(met).toEqual([])
  })

  test('C5: opens nothing for a signal that was aborted before, also where there is a token', async () => {
    const opened = vi.fn()
    vi.stubGlobal('WebSocket', opened)
    await session.token()

    const socket = openWebSocket(session, origin, 'shop.v1', { signal: AbortSignal.abort(new Error('enough')) })

    await expect(socket).rejects.toThrow('enough')
    expect(opened).not.toHaveBeenCalled()
  })

  test.each([[''], [[]], [['shop v1']], [undefined as unknown as string]])(
    'protocols must be names: %j',
    async (names) => {
      await expect(openWebSocket(session, origin, names)).rejects.toMatchObject({
        code: 'invalid_option',
        message: expect.stringContaining('protocols'),
      })
      expect(issuer.requests).toEqual([])
    },
  )

  test('where there is no WebSocket, the error says so', async () => {
    vi.stubGlobal('WebSocket', undefined)

    await expect(openWebSocket(session, origin, 'shop.v1')).rejects.toThrow('Node')
  })
})
