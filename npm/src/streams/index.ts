/**
 * Server-sent events and WebSockets that carry the access token of a session. A browser's `EventSource` cannot send one,
 * and a WebSocket can send it only as a subprotocol.
 *
 * @example
 * ```ts
 * import { createSession } from 'guestpass'
 * import { eventStream, openWebSocket } from 'guestpass/streams'
 *
 * const session = createSession({ baseUrl: 'https://api.example' })
 *
 * const socket = await openWebSocket(session, 'wss://api.example/chat', 'chat.v1')
 * socket.onmessage = ({ data }) => console.log(data)
 *
 * for await (const { event, data } of eventStream(session, '/news')) console.log(event, data)
 * ```
 *
 * @packageDocumentation
 */

export { type EventStreamOptions, eventStream } from './events.js'
export type { ServerSentEvent } from './parser.js'
export { openWebSocket, type WebSocketOptions } from './socket.js'
