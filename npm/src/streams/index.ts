export { type EventStreamOptions, eventStream } from './events.js'
export type { ServerSentEvent } from './parser.js'
export { openWebSocket, type WebSocketOptions } from './socket.js'
