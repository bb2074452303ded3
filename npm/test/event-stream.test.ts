// `eventStream` over real connections.

import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type EventStreamOptions, eventStream, type ServerSentEvent } from '../src/streams/index.js'
import { createTestClock, type TestServer } from '../src/testing/index.js'
import type { Session } from '../src/types.js'
import { ADA, FIRST, SECOND, StreamService } from './stream-service.js'

let service: StreamService
let issuer: TestServer
let session: Session
let origin: string

beforeEach(async () => {
  service = await StreamService.listen()
  issuer = service.issuer
  session = service.session
  origin = service.origin
})

afterEach(() => service[Symbol.asyncDispose]())

interface Visit {
  readonly visitor: string | undefined
  readonly lastEventId: string | undefined
  /** Resolves when the client has closed the connection. */
  readonly closed: Promise<unknown>
}

/** Adds a handler for the first authenticated request, the second, and so on. The last one handles all further requests. */
function serve(...handlers: ((response: ServerResponse, visit: Visit) => void)[]): Visit[] {
  const visits: Visit[] = []
  service.http.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const visitor = await service.bearerOf(request.headers.authorization?.replace('Bearer ', ''))
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
