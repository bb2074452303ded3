import { GuestpassError } from './errors.js'
import { invalid } from './options.js'
import { elapsed, isTemporary, retryAfter } from './retry.js'
import type {
  ChangeOptions,
  Collection,
  EntryPage,
  GuestpassRequestInit,
  Problem,
  Session,
  StoredValue,
} from './types.js'

/** How often `add` repeats its request. */
const REPEATS = 3
/** The longest wait before a repetition, in milliseconds. */
const LONGEST_DELAY = 30_000

/** Also if the session's option `requests` says otherwise. */
const WITH_TOKEN = { guestpass: { token: true } }

interface SendOptions extends ChangeOptions {
  readonly ifNoneMatch?: '*' | undefined
  readonly idempotencyKey?: string | undefined
}

/** The collection with this name. `fetch` is that of a session. */
export function createCollection<T>(fetch: Session['fetch'], name: string): Collection<T> {
  if (!/^[a-z][a-z0-9_-]{0,31}$/.test(name)) throw invalid('this name is not allowed', 'collection')

  /** Sends a request, and repeats it if it has an idempotency key. `path` is relative to the collection. */
  async function send<Value>(
    method: string,
    path: string,
    { ifMatch, ifNoneMatch, idempotencyKey, signal }: SendOptions,
    value?: unknown,
  ): Promise<StoredValue<Value>> {
    // Undefined without a value.
    const body = JSON.stringify(value)
    const headers: Record<string, string> = { 'Content-Type': 'application/json' }
    if (ifMatch !== undefined) headers['If-Match'] = ifMatch
    if (ifNoneMatch !== undefined) headers['If-None-Match'] = ifNoneMatch
    if (idempotencyKey !== undefined) headers['Idempotency-Key'] = idempotencyKey
    for (let attempt = 1; ; attempt++) {
      // From 250 to 500 ms, then twice as long.
      let delay = 125 * 2 ** (attempt + Math.random())
      try {
        // Relative to `baseUrl`, which may have a path.
        const response = await fetch(`me/${name}${path}`, {
          method,
          headers,
          body,
          signal,
          ...WITH_TOKEN,
        } as GuestpassRequestInit)
        const json = parse(await response.text())
        if (response.status === 204 || (response.ok && json !== undefined)) {
          return { value: json as Value, etag: response.headers.get('ETag') ?? '' }
        }
        delay = Math.max(delay, retryAfter(response))
        throw errorOf(response, json as Problem)
      } catch (error) {
        // The session repeats its own requests. Their errors have no status.
        const isFinal = error instanceof GuestpassError && !isTemporary(error.status ?? 0)
        if (isFinal || !idempotencyKey || attempt > REPEATS || delay > LONGEST_DELAY) throw error
      }
      await elapsed(delay, signal)
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
  // Parsers of URLs remove . and .., also when they are percent-encoded. UTF-8 has no lone surrogates. Hermes knows no \p{Cc}.
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a key must not contain any
  const isText = typeof key === 'string' && !/^\.\.?$|[\0-\x1f\x7f-\x9f\ud800-\udfff]/u.test(key)
  const path = isText && encodeURIComponent(key)
  // 1 to 512 bytes.
  if (!path || !/^([^%]|%..){0,512}$/.test(path)) throw invalid('this key is not allowed', 'collection')
  return `/${path}`
}

/** The value of a JSON text, or undefined for another text. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {}
}

/** The error of a response that is not 2xx, or that is 2xx without JSON. */
function errorOf({ ok, status }: Response, problem?: Problem): GuestpassError {
  const code = ok || isTemporary(status) ? 'unavailable' : 'refused'
  return new GuestpassError(code, problem?.detail ?? `HTTP ${status}`, { status, reason: problem?.code, problem })
}
