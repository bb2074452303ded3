import { GuestpassError } from '../errors.js'
import { onAbort } from '../listeners.js'
import { elapsed, isTemporary, retryAfter as retryAfterOf } from '../retry.js'
import type { Session } from '../types.js'
import { EventParser, type ServerSentEvent } from './parser.js'
import { checkIdleTimeout, onWake, type SilenceWatch, watchSilence } from './silence.js'
import { onVisitorChange } from './visitor-change.js'

/** Options of `eventStream`. */
export interface EventStreamOptions {
  /** Ends the stream: the loop that waits for an event throws the signal's reason. */
  readonly signal?: AbortSignal
  /** The `id` of the last event that the app has processed, for example before a reload. The stream resumes after it. */
  readonly lastEventId?: string
  /** Further headers of each request. */
  readonly headers?: HeadersInit
  /**
   * After how many milliseconds without a byte from the server the connection counts as dead, and another one is opened. Default:
   * never. Set it to at least twice the interval of the server's heartbeats. A comment (`:` and an empty line) is a heartbeat.
   */
  readonly idleTimeout?: number
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
 * A connection through a network that was lost looks open. So the stream opens another one, at once, when the network is back after
 * an interruption, and when the page is shown after a silence of `idleTimeout`, or else of 30 seconds.
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
  { signal, lastEventId = '', headers, idleTimeout, onRetry }: EventStreamOptions = {},
): AsyncGenerator<ServerSentEvent, void, undefined> {
  // Throws now: inside the loop, a TypeError of an invalid URL or header would count as a network failure.
  new URL(url, 'https://relative.invalid')
  checkIdleTimeout(idleTimeout)
  const callerHeaders = new Headers(headers)
  let [id, retry, failures] = [lastEventId, RETRY, 0]
  for (;;) {
    const [attempt, connection] = [new AbortController(), new AbortController()]
    attempt.signal.addEventListener('abort', () => connection.abort(attempt.signal.reason))
    const abort = () => attempt.abort(signal?.reason)
    if (signal?.aborted) abort()
    const removeListener = onAbort(signal, abort)
    const stop = onVisitorChange(session, (error: unknown = ANOTHER_VISITOR) => attempt.abort(error))
    const parser = new EventParser(id)
    let [failure, opened, woken, retryAfter]: [unknown, boolean, boolean, number] = [undefined, false, false, 0]
    const watch = watchSilence({ idleTimeout }, (error, isWoken) => {
      woken = isWoken
      connection.abort(error)
    })
    try {
      try {
        attempt.signal.throwIfAborted()
        const response = await session.fetch(url, {
          headers: requestHeaders(callerHeaders, id),
          cache: 'no-store',
          signal: connection.signal,
          // Also if the session's option `requests` says otherwise.
          guestpass: { token: true },
        })
        if (response.status === 204) return
        retryAfter = retryAfterOf(response)
        checkIsEventStream(response)
        opened = true
        failures = 0
        for await (const part of textOf(response, connection.signal, watch)) {
          for (const event of parser.push(part)) {
            // The visitor may have changed while the caller processed the previous event.
            attempt.signal.throwIfAborted()
            yield event
          }
        }
        failure = new GuestpassError('network', 'the server closed the connection')
      } catch (error) {
        failure = error
      } finally {
        watch.stop()
      }
      attempt.signal.throwIfAborted()
      if (connection.signal.aborted) failure = connection.signal.reason
      if (!mayPass(failure)) throw failure
      id = parser.lastEventId
      retry = parser.retry ?? retry
      const shortest = opened ? retry : Math.max(retry, RETRY_AFTER_FAILURE)
      const delay = woken ? 0 : Math.min(Math.max(retryAfter, backoff(failures, shortest)), LONGEST_TIMEOUT)
      failures += 1
      onRetry?.(failure, delay)
      await (retryAfter > 0 ? elapsed(delay, attempt.signal) : elapsedOrWoken(delay, attempt.signal))
    } catch (error) {
      if (error !== ANOTHER_VISITOR) throw error
      id = ''
    } finally {
      stop()
      removeListener()
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

/** The decoded parts of the body, as they arrive. */
async function* textOf({ body }: Response, signal: AbortSignal, watch: SilenceWatch) {
  const reader = body?.getReader()
  // Aborting a request does not end a body that was made in memory, so cancel the reader too.
  const cancel = () => reader?.cancel().catch(() => {})
  signal.addEventListener('abort', cancel)
  if (signal.aborted) cancel()
  // It removes a byte order mark.
  const decoder = new TextDecoder()
  for (;;) {
    watch.wait()
    const part = await reader?.read().catch((cause) => {
      throw new GuestpassError('network', 'the connection was lost', { cause })
    })
    if (!part || part.done) return
    watch.pause()
    yield decoder.decode(part.value, { stream: true })
  }
}

/** Waits, and not longer than until the network is back or the page is shown. */
async function elapsedOrWoken(delay: number, signal: AbortSignal): Promise<void> {
  let stop = () => {}
  const woken = new Promise<void>((resolve) => {
    stop = onWake(() => resolve())
  })
  // The caller aborts the signal afterwards, which clears the timer.
  await Promise.race([elapsed(delay, signal), woken]).finally(stop)
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
