import { GuestpassError } from '../errors.js'
import { type Answer, TRANSPORT, type TransportInit } from '../transport.js'
import type { Session } from '../types.js'
import { whenVisitorGoes } from './visitor.js'

/** Options of `openWebSocket`. */
export interface WebSocketOptions {
  /** Gives up waiting for the token. A socket that is there already is closed by its own `close()`. */
  readonly signal?: AbortSignal
}

/** IANA, WebSocket Close Code Number Registry: 3000 is Unauthorized. */
const UNAUTHORIZED = 3000
/** The same among those who follow HTTP's numbers, as the protocol of graphql-ws does. */
const PRIVATE_UNAUTHORIZED = 4401

/** What the name of a subprotocol may be made of (RFC 6455, §4.1: a token of RFC 9110). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Opens a `WebSocket` that is authenticated: the access token goes along as the subprotocol `bearer.<token>`, since a page can
 * send no headers, and a URL would end up in logs. The server takes it from there, verifies it, and answers with one of
 * `protocols`: with none of them, browsers give up.
 *
 * The token goes to allowed origins only; `wss://` counts as `https://`, and a relative URL is resolved as by `session.fetch`.
 * The socket is new: listen to it at once, and open another when it has closed. It closes with code 3000 when the
 * session ends or stands for another visitor. When the server closes it with 3000 or 4401, the token counts as
 * expired, so that the next socket brings a fresh one along.
 *
 * @param protocols - which the app speaks, in the order of preference: at least one.
 * @throws GuestpassError as `session.fetch` does, and with code `invalid_option` where the origin is not allowed, or a name or
 *   the token cannot be a subprotocol.
 */
export async function openWebSocket(
  session: Session,
  url: string | URL,
  protocols: string | readonly string[],
  { signal }: WebSocketOptions = {},
): Promise<WebSocket> {
  const names = [protocols].flat()
  if (!names.length || names.some((name) => typeof name !== 'string' || !TOKEN.test(name))) {
    throw invalid('protocols must be the names of subprotocols, at least one: what servers answer with')
  }
  if (!globalThis.WebSocket) throw invalid('there is no WebSocket here; in Node it comes with version 22')
  let socket: WebSocket | undefined
  // As by a request: the session decides whether the origin gets a token, and makes sure that it is fresh.
  const init: TransportInit = {
    signal: signal ?? null,
    async [TRANSPORT](input, { headers }) {
      const token = new Headers(headers).get('Authorization')?.replace(/^Bearer /, '')
      if (!token) throw invalid(`${new URL(input).origin} is not among the session's allowedOrigins`)
      // The browser's own error would repeat it.
      if (!TOKEN.test(token)) throw invalid('the access token has characters that no subprotocol may have')
      socket = new WebSocket(input.replace(/^http/, 'ws'), [...names, `bearer.${token}`])
      return OPENED
    },
  }
  await session.fetch(String(url).replace(/^ws(s?:)/i, 'http$1'), init)
  return bound(session, socket as unknown as WebSocket)
}

/** What becomes of it is the socket's to tell. */
const OPENED: Answer = { status: 200, redirected: false, url: '', body: null }

/** Lets session and socket end together. */
function bound(session: Session, socket: WebSocket): WebSocket {
  const refused = ({ code }: CloseEvent) => {
    stop()
    if (code === UNAUTHORIZED || code === PRIVATE_UNAUTHORIZED) session.expire()
  }
  const stop = whenVisitorGoes(session, () => {
    stop()
    socket.removeEventListener('close', refused)
    socket.close(UNAUTHORIZED)
  })
  socket.addEventListener('close', refused)
  return socket
}

function invalid(what: string): GuestpassError {
  return new GuestpassError('invalid_option', `openWebSocket: ${what}`)
}
