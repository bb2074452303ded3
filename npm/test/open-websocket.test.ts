// `openWebSocket` over real connections.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { openWebSocket } from '../src/streams/index.js'
import type { TestServer } from '../src/testing/index.js'
import type { Session } from '../src/types.js'
import { ADA, FIRST, StreamService } from './stream-service.js'

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

afterEach(async () => {
  await service[Symbol.asyncDispose]()
  vi.unstubAllGlobals()
})

describe('openWebSocket', () => {
  let sockets: WebSocketServer
  /** The connections that the server has accepted. */
  const connections: { readonly url: string | undefined; readonly visitor: string | undefined }[] = []
  const open = () => openWebSocket(session, `${origin.replace('http', 'ws')}/news`, ['shop.v1'])

  beforeEach(() => {
    vi.stubGlobal('WebSocket', WebSocket)
    connections.length = 0
    sockets = new WebSocketServer({ server: service.http, handleProtocols: () => 'shop.v1' })
    sockets.on('connection', async (socket, { url, headers }) => {
      const offered = headers['sec-websocket-protocol']?.split(/, */) ?? []
      const visitor = await service.bearerOf(
        offered.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length),
      )
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
