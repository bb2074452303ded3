import type { Manager } from './manager.js'
import type { CheckedOptions } from './options.js'
import { TRANSPORT, type TransportInit } from './transport.js'

/** The format of the stored record that this module reads (`FORMAT` in `sdk/session/src/record.rs`). */
const FORMAT = 2

/** Performs a call once the session manager is loaded. */
export type OnceLoaded = <T>(perform: (manager: Manager) => Promise<T>, signal?: AbortSignal | null) => Promise<T>

/**
 * Sends a request that gets the token, before the session manager is loaded: with the stored token, if that is certainly valid, or
 * in a first visit with the token of the early login (`npm/snippet/early-login.ts`), if that arrives before the session manager.
 * Undefined for a request that must wait: it has a body, or there is no such token.
 *
 * With a stored token, the session manager is loaded after the response, which would arrive later otherwise: the first calls of
 * compiled code need the thread of the page for some milliseconds. A response with status 401 goes through it, as if it had sent
 * the request: it renews the token if that was refused, and the request is replayed once at most (C3).
 *
 * @param url - the absolute URL, which has an allowed origin.
 */
export function sendWithStoredToken(
  options: CheckedOptions,
  baseUrl: string,
  url: string,
  init: RequestInit,
  send: typeof fetch,
  onceLoaded: OnceLoaded,
): Promise<Response> | undefined {
  // Node has `localStorage` as well, which a session does not use. A log shows each request.
  if (!globalThis.window || options.debug || init.body != null || !/^(get|head)$/i.test(init.method ?? 'get')) return
  const key = `guestpass:${options.name}@${baseUrl}`
  const usual = (given: TransportInit) => onceLoaded((manager) => manager.fetch(url, given), init.signal)
  // As a request of the session manager, this one uses the session. If the load fails, the snapshot shows it.
  const use = (signal?: AbortSignal | null) =>
    onceLoaded(async (manager) => void manager.token().catch(() => {}), signal)

  const sendWith = async ({ token, epoch }: StoredSession) => {
    const authorization = `Bearer ${token}`
    const headers = new Headers(init.headers)
    headers.set('Authorization', authorization)
    const refused = await send(url, { ...init, headers })
    if (refused.status !== 401) {
      setTimeout(() => use().catch(() => {}))
      return refused
    }
    let first = true
    let replay: Promise<Response> | undefined
    return usual({
      ...init,
      async [TRANSPORT](_url, { [TRANSPORT]: _, ...authorized }: TransportInit) {
        if (first) {
          const same = new Headers(authorized.headers).get('Authorization') === authorization
          // Another tab has signed out: the request is not replayed for another visitor.
          if (!same && storedSession(options, key)?.epoch !== epoch) throw refused
          first = false
          if (same) return refused
        }
        // If another tab has renewed the token, this is the replay already, and the session manager may ask for a second one.
        replay ??= send(url, authorized)
        const response = await replay
        return response.status === 401 ? response.clone() : response
      },
    }).catch((reason) => {
      if (reason === refused) return refused
      throw reason
    })
  }

  const session = storedSession(options, key)
  if (session) return sendWith(session)
  // A session with these options does not take the early login over, because its own login differs.
  const early = (globalThis as Record<string, unknown>)[key] as
    | { readonly token?: Promise<string | undefined> }
    | undefined
  if (!early || options.storage !== 'local' || options.fetch || options.headers) return
  return Promise.race([early.token, use(init.signal)]).then((token) =>
    token ? sendWith({ token, epoch: 0 }) : usual(init),
  )
}

interface StoredSession {
  readonly token: string
  readonly epoch: unknown
}

/** The stored session. Undefined if its token may have expired, by either clock, or if the record has another format. */
function storedSession({ storage }: CheckedOptions, key: string): StoredSession | undefined {
  if (storage !== 'local' && storage !== 'session') return
  try {
    const { v, epoch, credential } = JSON.parse(globalThis[`${storage}Storage`].getItem(key) as string)
    const { access_token: token, expires_at: end, lifetime } = credential
    const left = end - Date.now()
    // More is left than the lifetime if the clock has been set back. The margin is that of the session machine.
    const valid = left > Math.min(lifetime / 10, 5_000) && left <= lifetime
    if (v === FORMAT && valid && typeof token === 'string') return { token, epoch }
  } catch {
    // No record, no credential, or no access to the storage.
  }
}
