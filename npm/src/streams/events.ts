import { GuestpassError } from '../errors.js'
import { elapsed, isTemporary, retryAfter as retryAfterOf } from '../retry.js'
import type { Session } from '../types.js'
import { EventParser, type ServerSentEvent } from './parser.js'
import { onVisitorChange } from './visitor-change.js'

/** Options of `eventStream`. */
export interface EventStreamOptions {
  /** Ends the stream: the loop that waits for an event throws the signal's reason. */
  readonly signal?: AbortSignal
  /** The `id` of the last event that the app has processed, for example before a reload. The stream resumes after it. */
  readonly lastEventId?: string
  /** Further headers of each request. */
  readonly headers?: HeadersInit
  /** Called when a connection has ended and another will be opened, with the reason and the delay in milliseconds. */
  readonly onRetry?: (error: unknown, delay: number) => void
}

/** The delay before the next connection when the server has not sent `retry`, in milliseconds. The same as in Chromium. */
const RETRY = 3000
/** The shortest delay after a failure, in milliseconds, even when the server has sent `retry: 0` before it failed. */
const RETRY_AFTER_FAILURE = 1000
/** The limit of the delay that doubles with each failure, in milliseconds. */
const LONGEST_RETRY = 30_000
/** The longest delay of a timer in browsers and Node, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/**
 * Yields server-sent events, as an `EventSource` does, over `session.fetch`: an `EventSource` cannot send a token.
 *
 * When a connection ends, the stream opens another one with a valid token and `Last-Event-ID`. It waits for the time that
 * the server has sent (`retry`), and longer after each failure, at least one second. A response of 408, 429 or 5xx is a
 * failure. The stream ends when the caller leaves the loop, and when the server responds with 204.
 *
 * A stream carries the events of one visitor. When the session belongs to another visitor, the stream reconnects as that
 * visitor, without `Last-Event-ID`, and drops the remaining events of the previous one. It throws when the session is
 * signed out, ended or closed.
 *
 * The CORS rules of a server on another origin must allow the headers `Authorization` and `Last-Event-ID`.
 *
 * @throws GuestpassError with code `rejected` when the server responds with anything else; `status` is the HTTP status.
 *   Otherwise the errors of `session.fetch`, except those after which the stream tries again.
 */
export async function* eventStream(
  session: Session,
  url: string | URL,
  { signal, lastEventId = '', headers, onRetry }: EventStreamOptions = {},
): AsyncGenerator<ServerSentEvent, void, undefined> {
  // Throws now: inside the loop, a TypeError of an invalid URL or header would count as a network failure.
  new URL(url, 'https://relative.invalid')
  const callerHeaders = new Headers(headers)
  let [id, retry, failures] = [lastEventId, RETRY, 0]
  for (;;) {
    const attempt = new AbortController()
    const abort = () => attempt.abort(signal?.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    const stop = onVisitorChange(session, (error: unknown = ANOTHER_VISITOR) => attempt.abort(error))
    const parser = new EventParser(id)
    let [failure, opened, retryAfter]: [unknown, boolean, number] = [undefined, false, 0]
    try {
      try {
        attempt.signal.throwIfAborted()
        const response = await session.fetch(url, {
          headers: requestHeaders(callerHeaders, id),
          cache: 'no-store',
          signal: attempt.signal,
        })
        if (response.status === 204) return
        retryAfter = retryAfterOf(response)
        checkIsEventStream(response)
        opened = true
        failures = 0
        yield* eventsOf(response, parser, attempt.signal)
        failure = new GuestpassError('network', 'the server closed the connection')
      } catch (error) {
        failure = error
      }
      attempt.signal.throwIfAborted()
      if (!mayPass(failure)) throw failure
      id = parser.lastEventId
      retry = parser.retry ?? retry
      const shortest = opened ? retry : Math.max(retry, RETRY_AFTER_FAILURE)
      const delay = Math.min(Math.max(retryAfter, backoff(failures, shortest)), LONGEST_TIMEOUT)
      failures += 1
      onRetry?.(failure, delay)
      await elapsed(delay, attempt.signal)
    } catch (error) {
      if (error !== ANOTHER_VISITOR) throw error
      id = ''
    } finally {
      stop()
      signal?.removeEventListener('abort', abort)
      // Closes the connection when the caller has left the loop.
      attempt.abort()
    }
  }
}

/** The abort reason when the session belongs to another visitor, as which the stream reconnects. */
const ANOTHER_VISITOR = Symbol('another visitor')

function requestHeaders(callerHeaders: Headers, id: string): Headers {
  const headers = new Headers(callerHeaders)
  headers.set('Accept', 'text/event-stream')
  // `Headers` takes only Latin-1, so each byte of the UTF-8 is passed as one character.
  if (id) headers.set('Last-Event-ID', String.fromCharCode(...new TextEncoder().encode(id)))
  return headers
}

function checkIsEventStream({ ok, status, headers, body }: Response): void {
  const type = headers.get('Content-Type') ?? 'none'
  if (ok && /^text\/event-stream *(;|$)/i.test(type)) return
  body?.cancel().catch(() => {})
  const code = isTemporary(status) ? 'unavailable' : 'rejected'
  const what = ok ? `the content type ${type}` : `HTTP ${status}`
  throw new GuestpassError(code, `the server responded with ${what} instead of a text/event-stream`, { status })
}

async function* eventsOf({ body }: Response, parser: EventParser, signal: AbortSignal) {
  const reader = body?.getReader()
  // Aborting a request does not end a body that was made in memory, so cancel the reader too.
  const cancel = () => reader?.cancel().catch(() => {})
  signal.addEventListener('abort', cancel)
  // It removes a byte order mark.
  const decoder = new TextDecoder()
  for (;;) {
    const part = await reader?.read().catch((cause) => {
      throw new GuestpassError('network', 'the connection was lost', { cause })
    })
    if (!part || part.done) return
    for (const event of parser.push(decoder.decode(part.value, { stream: true }))) {
      // The visitor may have changed while the caller processed the previous event.
      if (signal.aborted) return
      yield event
    }
  }
}

/** Whether another attempt may succeed. `fetch` rejects with a `TypeError` when it does not reach the server. */
function mayPass(failure: unknown): boolean {
  if (failure instanceof GuestpassError) return /^(network|timeout|unavailable)$/.test(failure.code)
  return failure instanceof TypeError
}

/** Doubles with each failure. Random, so that the clients of a server that restarts do not reconnect at one moment. */
function backoff(failures: number, retry: number): number {
  const delay = Math.max(retry, Math.min(retry * 2 ** failures, LONGEST_RETRY))
  return delay * (1 + Math.random() / 2)
}
