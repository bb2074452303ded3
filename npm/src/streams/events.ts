import { GuestpassError } from '../errors.js'
import type { Session } from '../types.js'
import { EventParser, type ServerSentEvent } from './parser.js'
import { whenVisitorGoes } from './visitor.js'

/** Options of `eventStream`. */
export interface EventStreamOptions {
  /** Ends the stream: whoever waits for an event gets the signal's reason. */
  readonly signal?: AbortSignal
  /** Where to go on: the `id` of the last event that was taken in, before a reload for example. */
  readonly lastEventId?: string
  /** Further headers of each request. */
  readonly headers?: HeadersInit
  /** Called each time when a connection has ended and another will be opened: why, and in how many milliseconds. */
  readonly onRetry?: (error: unknown, delay: number) => void
}

/** How long to wait for the next connection when the server has not said it, in milliseconds. As Chromium has it. */
const RETRY = 3000
/** How long at least after a failure, in milliseconds: a server that was to be asked again at once may be down by then. */
const RETRY_AFTER_FAILURE = 1000
/** Up to where that grows with failures, in milliseconds. */
const LONGEST_RETRY = 30_000
/** The longest delay that timers of browsers and Node can hold, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

/**
 * Server-sent events, one after the other: what an `EventSource` gives, over `session.fetch`, since that one can send no token.
 *
 * When the connection ends, another is opened with a token that is good then, and with `Last-Event-ID`: after the time that
 * the server asks for (`retry`), and after longer and longer when it fails, a second at least. An answer of 408, 429 or 5xx
 * counts as a failure. The stream ends when you leave the loop, and when the server answers 204.
 *
 * It belongs to one visitor: when the session stands for another one, it starts anew as that one, without
 * `Last-Event-ID`; and it fails when the session is signed out, ended or closed. Events of the visitor before do not come.
 *
 * Where the server has another origin, its CORS rules must allow the headers `Authorization` and `Last-Event-ID`.
 *
 * @throws GuestpassError with code `rejected` when the server answers anything else; `status` says what. Otherwise as
 *   `session.fetch` does, for what waiting does not mend.
 */
export async function* eventStream(
  session: Session,
  url: string | URL,
  { signal, lastEventId = '', headers, onRetry }: EventStreamOptions = {},
): AsyncGenerator<ServerSentEvent, void, undefined> {
  // What is wrong with these is wrong at every attempt, and would look as if the network failed.
  new URL(url, 'https://relative.invalid')
  const given = new Headers(headers)
  let [id, retry, failures] = [lastEventId, RETRY, 0]
  for (;;) {
    const attempt = new AbortController()
    const abort = () => attempt.abort(signal?.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort)
    const stop = whenVisitorGoes(session, (error: unknown = ANOTHER_VISITOR) => attempt.abort(error))
    const parser = new EventParser(id)
    let [failure, opened, atLeast]: [unknown, boolean, number] = [undefined, false, 0]
    try {
      try {
        attempt.signal.throwIfAborted()
        const response = await session.fetch(url, {
          headers: headersOf(given, id),
          cache: 'no-store',
          signal: attempt.signal,
        })
        if (response.status === 204) return
        atLeast = secondsOf(response.headers.get('Retry-After')) * 1000
        refuseWhatIsNoStream(response)
        opened = true
        failures = 0
        yield* eventsOf(response, parser, attempt.signal)
        failure = new GuestpassError('network', 'the server has ended the connection')
      } catch (error) {
        failure = error
      }
      attempt.signal.throwIfAborted()
      if (!isPassing(failure)) throw failure
      id = parser.lastEventId
      retry = parser.retry ?? retry
      const least = opened ? retry : Math.max(retry, RETRY_AFTER_FAILURE)
      const delay = Math.min(Math.max(atLeast, delayAfter(failures, least)), LONGEST_TIMEOUT)
      failures += 1
      onRetry?.(failure, delay)
      await elapsed(delay, attempt.signal)
    } catch (error) {
      if (error !== ANOTHER_VISITOR) throw error
      id = ''
    } finally {
      stop()
      signal?.removeEventListener('abort', abort)
      // Ends the transfer when the caller has left the loop.
      attempt.abort()
    }
  }
}

/** Why an attempt has ended that is to be followed by one as somebody else. */
const ANOTHER_VISITOR = Symbol('another visitor')

function headersOf(given: Headers, id: string): Headers {
  const headers = new Headers(given)
  headers.set('Accept', 'text/event-stream')
  // As bytes of UTF-8, each in the place of a character: what is no Latin-1 would be no header.
  if (id) headers.set('Last-Event-ID', String.fromCharCode(...new TextEncoder().encode(id)))
  return headers
}

function refuseWhatIsNoStream({ ok, status, headers, body }: Response): void {
  const type = headers.get('Content-Type') ?? 'none'
  if (ok && /^text\/event-stream *(;|$)/i.test(type)) return
  // Whether that succeeds is nobody's concern.
  body?.cancel().catch(() => {})
  const code = status === 408 || status === 429 || status >= 500 ? 'unavailable' : 'rejected'
  const what = ok ? `with the content type ${type}` : `with ${status}`
  throw new GuestpassError(code, `the server has answered ${what}, not with text/event-stream`, { status })
}

async function* eventsOf({ body }: Response, parser: EventParser, signal: AbortSignal) {
  const reader = body?.getReader()
  // Not every body ends with the signal of its request: one that is made in memory does not.
  const cancel = () => reader?.cancel().catch(() => {})
  signal.addEventListener('abort', cancel)
  // It takes the byte order mark off.
  const decoder = new TextDecoder()
  for (;;) {
    const part = await reader?.read().catch((cause) => {
      throw new GuestpassError('network', 'the connection broke', { cause })
    })
    if (!part || part.done) return
    for (const event of parser.push(decoder.decode(part.value, { stream: true }))) {
      // Since the one before it was given out, the visitor may have gone.
      if (signal.aborted) return
      yield event
    }
  }
}

/** Whether another attempt may succeed. A `TypeError` is what `fetch` gives when it does not reach the server. */
function isPassing(failure: unknown): boolean {
  if (failure instanceof GuestpassError) return /^(network|timeout|unavailable)$/.test(failure.code)
  return failure instanceof TypeError
}

/** Grows with failures; and no two clients, whose connections a server has ended together, come back together. */
function delayAfter(failures: number, retry: number): number {
  const grown = Math.max(retry, Math.min(retry * 2 ** failures, LONGEST_RETRY))
  return grown * (1 + Math.random() / 2)
}

function secondsOf(retryAfter: string | null): number {
  return Number(retryAfter) || 0
}

function elapsed(delay: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, delay)
    const abort = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort)
  })
}
