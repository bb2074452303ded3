import { GuestpassError } from './errors.js'
import type { ChangeOptions, Collection, EntryPage, Problem, Session, StoredValue } from './types.js'

/** How often `add` repeats its request. */
const REPEATS = 3
/** The longest wait before a repetition, in milliseconds. */
const LONGEST_DELAY = 30_000

interface SendOptions extends ChangeOptions {
  readonly ifNoneMatch?: '*' | undefined
  readonly idempotencyKey?: string | undefined
}

/** The collection with this name. `fetch` is that of a session. */
export function createCollection<T>(fetch: Session['fetch'], name: string): Collection<T> {
  if (!/^[a-z][a-z0-9_-]{0,31}$/.test(name)) throw invalid('name')

  /** Sends a request, and repeats it if it has an idempotency key. `path` is relative to the collection. */
  async function send<Value>(
    method: string,
    path: string,
    { ifMatch, ifNoneMatch, idempotencyKey, signal }: SendOptions,
    value?: unknown,
  ): Promise<StoredValue<Value>> {
    const body = JSON.stringify(value)
    const headers: Record<string, string> = {}
    if (body) headers['Content-Type'] = 'application/json'
    if (ifMatch !== undefined) headers['If-Match'] = ifMatch
    if (ifNoneMatch !== undefined) headers['If-None-Match'] = ifNoneMatch
    if (idempotencyKey !== undefined) headers['Idempotency-Key'] = idempotencyKey
    for (let attempt = 1; ; attempt++) {
      // From 250 to 500 ms, then twice as long.
      let delay = 125 * 2 ** (attempt + Math.random())
      let error: unknown
      try {
        // Relative to `baseUrl`, which may have a path.
        const response = await fetch(`me/${name}${path}`, { method, headers, body, signal } as RequestInit)
        const header = (name: string) => response.headers.get(name) ?? ''
        const json = parse(await response.text())
        if (response.status === 204 || (response.ok && json !== undefined)) {
          return { value: json as Value, etag: header('ETag') }
        }
        const retryAfter = header('Retry-After')
        delay = Math.max(delay, Number(retryAfter) * 1000 || Date.parse(retryAfter) - Date.now() || 0)
        error = errorOf(response.status, json as Problem)
      } catch (cause) {
        // An error of the session, which repeats its own requests.
        if (cause instanceof GuestpassError) throw cause
        error = cause
      }
      const isFinal = (error as GuestpassError).code === 'refused' || signal?.aborted
      if (!idempotencyKey || isFinal || attempt > REPEATS || delay > LONGEST_DELAY) throw error
      // After an abort, `fetch` rejects with the reason of the signal.
      await new Promise((resolve) => {
        setTimeout(resolve, delay)
        signal?.addEventListener('abort', resolve, { once: true })
      })
    }
  }

  return {
    async list({ limit = 100, after, signal } = {}) {
      const cursor = after ? `&after=${encodeURIComponent(after)}` : ''
      const { value, etag } = await send<EntryPage<T>>('GET', `?limit=${limit}${cursor}`, { signal })
      return { ...value, etag }
    },
    get: async (key, options = {}) =>
      send<T>('GET', pathOf(key), options).catch((error) => {
        if (error.reason !== 'no_entry') throw error
        return undefined
      }),
    put: async (key, value, options = {}) => send('PUT', pathOf(key), options, value),
    patch: async (key, patch, options = {}) => send('PATCH', pathOf(key), options, patch),
    // The default key has 128 random bits, in characters of base64url.
    add: async (key, add, { signal, idempotencyKey = crypto.getRandomValues(new Uint32Array(4)).join('-') } = {}) =>
      send('POST', pathOf(key), { idempotencyKey, signal }, { add }),
    remove: async (key, options = {}) => void (await send('DELETE', pathOf(key), options)),
    clear: async (options = {}) => void (await send('DELETE', '', options)),
  }
}

/** The path of an entry. Throws for a key that the server refuses, or that cannot be in a URL. */
function pathOf(key: string): string {
  // Parsers of URLs remove . and .., also when they are percent-encoded. UTF-8 has no lone surrogates.
  const isText = typeof key === 'string' && !/^\.\.?$|[\p{Cc}\p{Cs}]/u.test(key)
  const path = isText && encodeURIComponent(key)
  // 1 to 512 bytes.
  if (!path || !/^([^%]|%..){0,512}$/.test(path)) throw invalid('key')
  return `/${path}`
}

/** The value of a JSON text, or undefined for another text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {}
}

/** The error of a response that is not 2xx, or that is 2xx without JSON. */
function errorOf(status: number, problem?: Problem): GuestpassError {
  const code = /^4(?!08|25|29)/.test(`${status}`) ? 'refused' : 'unavailable'
  const message = problem?.detail ?? `the server responded with ${status}`
  return new GuestpassError(code, message, { status, reason: problem?.code, problem })
}

function invalid(what: string): GuestpassError {
  return new GuestpassError('invalid_option', `collection: this ${what} is not allowed`)
}
