/**
 * Lets another HTTP client send the request of a `session.fetch`, when the caller's init brings it along: the session
 * decides about the token, the renewal and the replay, and reads of what comes back no more than `Answer` has.
 */
export const TRANSPORT: unique symbol = Symbol.for('guestpass.transport')

export interface TransportInit extends RequestInit {
  [TRANSPORT]?: (input: string, init: { readonly headers: HeadersInit }) => Promise<Answer>
}

/** As much of a `Response` as a session reads. */
export interface Answer {
  readonly status: number
  readonly redirected: boolean
  readonly url: string
  readonly body: { cancel(): Promise<void> } | null
}
