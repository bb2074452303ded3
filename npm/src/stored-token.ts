import type { Manager } from './manager.js'
import type { CheckedOptions } from './options.js'
import { TRANSPORT, type TransportInit } from './transport.js'

/** The format of the stored record that this module reads (`FORMAT` in `sdk/session/src/record.rs`). */
const FORMAT = 2

/** Performs a call once the session manager is loaded. */
export type OnceLoaded = <T>(perform: (manager: Manager) => Promise<T>, signal?: AbortSignal | null) => Promise<T>

/**
 * Sends a request that gets the token, before the session manager is loaded: with the stored token, if that is certainly valid.
 * The session manager is loaded meanwhile, and treats the session as used. A response with status 401 goes through it, as if the
 * session manager had sent the request: it renews the token, and the request is replayed once at most (C3). Undefined for a
 * request that must wait: one that has a body, or no stored token.
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
  const plain = init.body == null && /^(get|head)$/i.test(init.method ?? 'get')
  const token = plain && storedToken(options, baseUrl)
  if (!token) return
  const authorization = `Bearer ${token}`
  const headers = new Headers(init.headers)
  headers.set('Authorization', authorization)
  // The snapshot shows why the code was not loaded.
  const load = () => void onceLoaded((manager) => manager.token()).catch(() => {})
  const sent = send(url, { ...init, headers })
  return sent.then((response) => {
    if (response.status === 401) return throughManager(response, authorization, url, init, send, onceLoaded)
    setTimeout(load)
    return response
  }, (error) => { load(); throw error })
}

/** Lets the session manager treat a response with status 401 to a request that was sent without it. */
function throughManager(
  refused: Response,
  authorization: string,
  url: string,
  init: RequestInit,
  send: typeof fetch,
  onceLoaded: OnceLoaded,
): Promise<Response> {
  let first: Response | undefined = refused
  let replay: Promise<Response> | undefined
  const given: TransportInit = {
    ...init,
    async [TRANSPORT](_url, { [TRANSPORT]: _, ...authorized }: TransportInit) {
      const unsent = new Headers(authorized.headers).get('Authorization') === authorization && first
      first = undefined
      if (unsent) return unsent
      // Another tab has renewed the token meanwhile, so this is the replay already. The session manager may want a second one.
      replay ??= send(url, authorized)
      const response = await replay
      return response.status === 401 ? response.clone() : response
    },
  }
  return onceLoaded((manager) => manager.fetch(url, given), init.signal)
}

/** The stored access token. Undefined if it may have expired, by either clock, or if the record has another format. */
function storedToken({ name, storage, debug }: CheckedOptions, baseUrl: string): string | undefined {
  // Node has `localStorage` as well, which a session does not use. A log shows each request.
  if (!globalThis.window || debug || (storage !== 'local' && storage !== 'session')) return
  try {
    const { v, credential } = JSON.parse(globalThis[`${storage}Storage`].getItem(`guestpass:${name}@${baseUrl}`) ?? '')
    const { access_token: token, expires_at: end, lifetime } = credential
    const left = end - Date.now()
    // More is left than the lifetime if the clock has been set back. The margin is that of the session machine.
    if (v === FORMAT && left > Math.min(lifetime / 10, 5_000) && left <= lifetime) return token
  } catch {
    // No record, no credential, or no access to the storage.
  }
}
