import { GuestpassError } from '../errors.js'
import { TRANSPORT, type TransportInit, type TransportResponse } from '../transport.js'
import type { Session } from '../types.js'
import { checkIdleTimeout, watchSilence } from './silence.js'
import { onVisitorChange } from './visitor-change.js'

/** Options of `openWebSocket`. */
export interface WebSocketOptions {
  /** Stops waiting for the token. To close an open socket, call its `close()`. */
  readonly signal?: AbortSignal
  /**
   * After how many milliseconds without a message from the server the socket counts as dead, and is closed. Default: never. Set it
   * to at least twice the interval of the server's messages. A page cannot see the ping frames of the protocol: the server must
   * send messages.
   */
  readonly idleTimeout?: number
}

/** Close code `Unauthorized` (IANA, WebSocket Close Code Number Registry). */
const UNAUTHORIZED = 3000
/** Close code of servers that add 4000 to the HTTP status, as the protocol of graphql-ws does. */
const PRIVATE_UNAUTHORIZED = 4401
/** Close code `Timeout` (the same registry). */
const TIMEOUT = 3008

/** The name of a subprotocol (RFC 6455, section 4.1: a token of RFC 9110). */
const SUBPROTOCOL = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Opens an authenticated `WebSocket`. The access token is sent as the subprotocol `bearer.<token>`: a page cannot set
 * headers, and URLs are logged. The server verifies the token and must select one of `protocols`; otherwise the browser
 * closes the connection.
 *
 * The token is sent to allowed origins only. `wss://` counts as `https://`, and a relative URL is resolved as by
 * `session.fetch`. Add listeners to the returned socket at once, and open another socket after it has closed. It closes
 * with code 3000 when the session ends or belongs to another visitor. When the server closes it with 3000 or 4401, the
 * token counts as expired, and the next socket sends a refreshed one.
 *
 * A connection through a network that was lost looks open. So the socket closes with code 3008 when the network is back after an
 * interruption, and with `idleTimeout`. When the server cannot be reached, the event `close` follows within seconds (as long as the
 * browser waits for the server's close frame), with code 1006.
 *
 * @param protocols - the subprotocols of the app, at least one, in the order of preference.
 * @throws GuestpassError as `session.fetch` does, and with code `invalid_option` when the origin is not allowed, or when a
 *   protocol or the token is not a valid subprotocol.
 */
export async function openWebSocket(
  session: Session,
  url: string | URL,
  protocols: string | readonly string[],
  { signal, idleTimeout }: WebSocketOptions = {},
): Promise<WebSocket> {
  const names = [protocols].flat()
  if (!names.length || names.some((name) => typeof name !== 'string' || !SUBPROTOCOL.test(name))) {
    throw invalid('protocols must be one or more names of subprotocols')
  }
  checkIdleTimeout(idleTimeout)
  if (!globalThis.WebSocket)
    throw invalid('there is no WebSocket in this environment; in Node, use version 22 or newer')
  let socket: WebSocket | undefined
  // The session treats this as a request: it decides whether the origin gets a token, and refreshes the token if needed.
  const init: TransportInit = {
    signal: signal ?? null,
    async [TRANSPORT](input, { headers }) {
      const token = new Headers(headers).get('Authorization')?.replace(/^Bearer /, '')
      if (!token) throw invalid(`${new URL(input).origin} must be added to the session's allowedOrigins`)
      // The error of the browser would contain the token.
      if (!SUBPROTOCOL.test(token)) throw invalid('the access token has characters that a subprotocol cannot have')
      socket = new WebSocket(input.replace(/^http/, 'ws'), [...names, `bearer.${token}`])
      return OPENED
    },
  }
  await session.fetch(String(url).replace(/^ws(s?:)/i, 'http$1'), init)
  return bound(session, socket as unknown as WebSocket, idleTimeout)
}

/** The response for the session. Failures of the connection are reported by the socket, not by this. */
const OPENED: TransportResponse = { status: 200, redirected: false, url: '', body: null }

/** Closes the socket with the session and when it is dead, and expires the token when the server refuses it. */
function bound(session: Session, socket: WebSocket, idleTimeout: number | undefined): WebSocket {
  // Without an `idleTimeout`, a silence says nothing.
  const watch = watchSilence({ idleTimeout, whenShown: idleTimeout ?? Number.POSITIVE_INFINITY }, () => close(TIMEOUT))
  const onClose = ({ code }: CloseEvent) => {
    stop()
    if (code === UNAUTHORIZED || code === PRIVATE_UNAUTHORIZED) session.expire()
  }
  const stopVisitor = onVisitorChange(session, () => close(UNAUTHORIZED))

  function stop(): void {
    stopVisitor()
    watch.stop()
    socket.removeEventListener('message', watch.wait)
  }

  function close(code: number): void {
    stop()
    socket.removeEventListener('close', onClose)
    socket.close(code)
  }

  socket.addEventListener('message', watch.wait)
  socket.addEventListener('close', onClose)
  return socket
}

function invalid(what: string): GuestpassError {
  return new GuestpassError('invalid_option', `openWebSocket: ${what}`)
}
