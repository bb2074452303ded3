import type { GuestpassRequestInit } from './types.js'

/**
 * The key of a function in the `init` of `session.fetch`. The session calls that function instead of the global `fetch`,
 * so that another HTTP client (axios, a WebSocket) sends the request. The session still decides about the token, the
 * refresh and the replay.
 */
export const TRANSPORT: unique symbol = Symbol.for('guestpass.transport')

export interface TransportInit extends GuestpassRequestInit {
  [TRANSPORT]?: (input: string, init: { readonly headers: HeadersInit }) => Promise<TransportResponse>
}

/** The part of a `Response` that the session reads. */
export interface TransportResponse {
  readonly status: number
  readonly redirected: boolean
  readonly url: string
  /** Without it, the session sees no headers. */
  readonly headers?: { get(name: string): string | null | undefined }
  readonly body: { cancel(): Promise<void> } | null
}
