// Streams behind a proxy that freezes, over real connections, and the events of a page that wakes.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { type EventStreamOptions, eventStream, openWebSocket, type ServerSentEvent } from '../src/streams/index.js'
import { createTestClock, type TestClock } from '../src/testing/index.js'
import type { Session } from '../src/types.js'
import { FreezingProxy } from './freezing-proxy.js'
import { StreamService } from './stream-service.js'

let service: StreamService
let proxy: FreezingProxy
let session: Session
let page: FakePage
let clock: TestClock

beforeEach(async () => {
  service = await StreamService.listen()
  proxy = await FreezingProxy.listen(service.origin)
  session = service.issuer.createSession({ allowedOrigins: [proxy.origin] })
  await session.token()
  page = new FakePage()
  vi.stubGlobal('document', page.document)
  vi.stubGlobal('addEventListener', page.addEventListener)
  vi.stubGlobal('removeEventListener', page.removeEventListener)
  clock = createTestClock()
})

afterEach(async () => {
  clock.uninstall()
  vi.unstubAllGlobals()
  await proxy[Symbol.asyncDispose]()
  await service[Symbol.asyncDispose]()
})

/** The events of a window and its document, and their listeners. */
class FakePage {
  readonly document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  readonly #window = new EventTarget()
  readonly #listeners = new Set<EventListener>()
  readonly addEventListener = this.#recorded(this.#window, 'addEventListener')
  readonly removeEventListener = this.#recorded(this.#window, 'removeEventListener')

  constructor() {
    this.document.addEventListener = this.#recorded(this.document, 'addEventListener')
    this.document.removeEventListener = this.#recorded(this.document, 'removeEventListener')
  }

  get listeners(): number {
    return this.#listeners.size
  }

  /** The network is lost and back. */
  async reconnect(): Promise<void> {
    this.#window.dispatchEvent(new Event('offline'))
    this.#window.dispatchEvent(new Event('online'))
    await clock.settle()
    await clock.advance(0)
  }

  hide(): void {
    this.document.visibilityState = 'hidden'
    this.document.dispatchEvent(new Event('visibilitychange'))
  }

  async show(): Promise<void> {
    this.document.visibilityState = 'visible'
    this.document.dispatchEvent(new Event('visibilitychange'))
    await clock.settle()
    await clock.advance(0)
  }

  #recorded(target: EventTarget, method: 'addEventListener' | 'removeEventListener') {
    const call = target[method].bind(target)
    return (type: string, listener: EventListener) => {
      if (method === 'addEventListener') this.#listeners.add(listener)
      else this.#listeners.delete(listener)
      call(type, listener)
    }
  }
}

describe('eventStream', () => {
  let lastEventIds: (string | undefined)[]
  /** The response to the newest visit. */
  let response: ServerResponse
  let retries: [message: string, delay: number][]

  beforeEach(() => {
    ;[lastEventIds, retries] = [[], []]
    service.http.on('request', (request: IncomingMessage, answer: ServerResponse) => {
      lastEventIds.push(request.headers['last-event-id'] as string | undefined)
      response = answer
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      answer.write(`retry: 10000\n\nid: ${lastEventIds.length}\ndata: hello\n\n`)
    })
  })

  function news(options?: EventStreamOptions) {
    const onRetry = (error: unknown, delay: number) => void retries.push([(error as Error).message, delay])
    return eventStream(session, `${proxy.origin}/news`, { onRetry, ...options })
  }

  async function next(stream: AsyncGenerator<ServerSentEvent>): Promise<ServerSentEvent | undefined> {
    const { value } = await stream.next()
    return value as ServerSentEvent | undefined
  }

  /** Reads the first event, waits for the second one, and freezes the connection. */
  async function frozen(options?: EventStreamOptions) {
    const stream = news(options)
    expect(await next(stream)).toMatchObject({ id: '1' })
    const waiting = next(stream)
    await clock.settle()
    proxy.freeze()
    response.write('data: lost\n\n')
    return { stream, waiting }
  }

  test('opens another connection at once when the network is back, and keeps Last-Event-ID', async () => {
    const { stream, waiting } = await frozen()

    await page.reconnect()

    expect(await waiting).toMatchObject({ id: '2' })
    expect(lastEventIds).toEqual([undefined, '1'])
    expect(retries).toEqual([['the network was interrupted', 0]])
    await stream.return()
  })

  test('opens another one when the page is shown after 30 seconds of silence, and not earlier', async () => {
    const { stream, waiting } = await frozen()
    page.hide()
    await clock.advance(29_000)
    await page.show()
    page.hide()
    await clock.advance(1000)
    expect(retries).toEqual([])

    await page.show()

    expect(await waiting).toMatchObject({ id: '2' })
    expect(lastEventIds).toEqual([undefined, '1'])
    expect(retries).toEqual([['the server was silent for 30000 ms', 0]])
    await stream.return()
  })

  test('idleTimeout: opens another one after a silence, and the heartbeats of a server prevent it', async () => {
    const stream = news({ idleTimeout: 60_000 })
    expect(await next(stream)).toMatchObject({ id: '1' })
    for (let beat = 0; beat < 3; beat++) {
      const waiting = next(stream)
      await clock.advance(59_000)
      // Events, so that the test knows when they have arrived.
      response.write('data: beat\n\n')
      expect(await waiting).toMatchObject({ data: 'beat' })
    }
    // The time that the caller needs for an event is no silence of the server.
    await clock.advance(120_000)
    expect(retries).toEqual([])
    const waiting = next(stream)
    await clock.settle()
    proxy.freeze()

    await clock.advance(60_000)
    expect(retries).toMatchObject([['the server was silent for 60000 ms', expect.any(Number)]])
    expect(lastEventIds).toHaveLength(1)
    await clock.advance(15_000)

    expect(await waiting).toMatchObject({ id: '2' })
    expect(lastEventIds).toEqual([undefined, '1'])
    await stream.return()
  })

  test('idleTimeout counts also before the response', async () => {
    service.http.removeAllListeners('request')
    const visits: ServerResponse[] = []
    service.http.on('request', (_request, answer) => void visits.push(answer))
    const stream = news({ idleTimeout: 5000 })
    const waiting = next(stream)
    await vi.waitFor(() => expect(visits).toHaveLength(1))

    await clock.advance(5000 + 4500)
    await vi.waitFor(() => expect(visits).toHaveLength(2))
    visits[1]?.writeHead(204).end()

    expect(await waiting).toBeUndefined()
    expect(retries).toMatchObject([['the server was silent for 5000 ms', expect.any(Number)]])
  })

  test('loses no event that has arrived before the network was interrupted', async () => {
    service.http.removeAllListeners('request')
    service.http.on('request', ({ headers }: IncomingMessage, answer: ServerResponse) => {
      lastEventIds.push(headers['last-event-id'] as string | undefined)
      answer.writeHead(200, { 'content-type': 'text/event-stream' })
      answer.write(lastEventIds.length === 1 ? 'id: 1\ndata: one\n\nid: 2\ndata: two\n\n' : 'id: 3\ndata: three\n\n')
    })
    const stream = news()
    expect(await next(stream)).toMatchObject({ data: 'one' })

    await page.reconnect()

    expect(await next(stream)).toMatchObject({ data: 'two' })
    const waiting = next(stream)
    await clock.settle()
    await clock.advance(0)
    expect(await waiting).toMatchObject({ data: 'three' })
    expect(lastEventIds).toEqual([undefined, '2'])
    await stream.return()
  })

  test('a delay ends when the network is back, except one that the server has asked for', async () => {
    const failures = [{}, { 'Retry-After': '20' }]
    service.http.removeAllListeners('request')
    service.http.on('request', (_request, answer: ServerResponse) => {
      lastEventIds.push(undefined)
      answer.writeHead(lastEventIds.length > 2 ? 204 : 503, failures[lastEventIds.length - 1]).end()
    })
    const ended = next(news())
    await vi.waitFor(() => expect(retries).toHaveLength(1))

    await page.reconnect()
    await vi.waitFor(() => expect(retries).toHaveLength(2))
    await page.reconnect()
    await clock.advance(19_000)
    expect(lastEventIds).toHaveLength(2)
    await clock.advance(1000)

    expect(await ended).toBeUndefined()
    expect(lastEventIds).toHaveLength(3)
  })

  test('C26: a stream gives its listeners back', async () => {
    const before = page.listeners
    const { stream, waiting } = await frozen({ idleTimeout: 60_000 })
    await page.reconnect()
    await waiting
    expect(page.listeners).toBeGreaterThan(before)

    await stream.return()

    expect(page.listeners).toBe(before)
  })
})

describe('openWebSocket', () => {
  let sockets: WebSocketServer

  beforeEach(() => {
    vi.stubGlobal('WebSocket', WebSocket)
    sockets = new WebSocketServer({ server: service.http, handleProtocols: () => 'shop.v1' })
    sockets.on('connection', (socket) => socket.send('hello'))
  })

  afterEach(() => {
    for (const socket of sockets.clients) socket.terminate()
    sockets.close()
  })

  /** Opens a socket, and resolves with its first message. */
  async function opened(options?: { idleTimeout: number }) {
    const socket = await openWebSocket(session, proxy.origin.replace('http', 'ws'), 'shop.v1', options)
    const codes: number[] = []
    socket.addEventListener('close', ({ code }) => codes.push(code))
    await new Promise((resolve) => socket.addEventListener('message', resolve, { once: true }))
    return { socket, codes }
  }

  test('closes with 3008 when the network is back', async () => {
    const before = page.listeners
    const { codes } = await opened()

    await page.reconnect()

    await vi.waitFor(() => expect(codes).toEqual([3008]))
    expect(page.listeners).toBe(before)
  })

  test('idleTimeout: a frozen connection is closed, and messages prevent it', async () => {
    const before = page.listeners
    const { socket, codes } = await opened({ idleTimeout: 60_000 })
    await clock.advance(59_000)
    const message = new Promise((resolve) => socket.addEventListener('message', resolve, { once: true }))
    for (const client of sockets.clients) client.send('beat')
    await message
    await clock.advance(59_000)
    expect(socket.readyState).toBe(WebSocket.OPEN)
    proxy.freeze()

    await clock.advance(1000)
    expect(socket.readyState).toBe(WebSocket.CLOSING)
    expect(page.listeners).toBe(before)
    // As long as `ws` waits for the close frame of the server.
    await clock.advance(30_000)

    await vi.waitFor(() => expect(codes).toEqual([1006]))
  })

  test('without idleTimeout, a silent socket stays open when the page is shown; with it, it is closed', async () => {
    const { socket } = await opened()
    const { codes } = await opened({ idleTimeout: 60_000 })
    page.hide()
    // A frozen page: the time passes, and no timer runs.
    vi.spyOn(Date, 'now').mockReturnValue(clock.now + 3_600_000)

    await page.show()

    await vi.waitFor(() => expect(codes).toEqual([3008]))
    expect(socket.readyState).toBe(WebSocket.OPEN)
    vi.restoreAllMocks()
  })
})

test.each([0, -1, Number.NaN, 2 ** 31, '5000' as unknown as number])(
  'an invalid idleTimeout rejects: %s',
  async (idleTimeout) => {
    const invalid = { code: 'invalid_option', message: expect.stringContaining('idleTimeout') }

    await expect(eventStream(session, '/news', { idleTimeout }).next()).rejects.toMatchObject(invalid)
    await expect(openWebSocket(session, '/news', 'shop.v1', { idleTimeout })).rejects.toMatchObject(invalid)
  },
)
