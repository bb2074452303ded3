import type { CheckedOptions } from './options.js'
import { type OnceLoaded, sendWithStoredToken } from './stored-token.js'
import { TRANSPORT, type TransportInit } from './transport.js'
import { parseUrl } from './url.js'

/**
 * Sends a request that needs no session manager: one that gets no token, because it goes to another origin, has its own
 * `Authorization`, or `token: false` (C27); or, with `onceLoaded`, one that can be sent with the stored token. Undefined for any
 * other request. The session manager, once loaded, decides by the same rule (`takes_token` in `sdk/session/src/fetch_call.rs`).
 */
export function sendWithoutManager(
  options: CheckedOptions,
  input: RequestInfo | URL,
  init: TransportInit = {},
  onceLoaded?: OnceLoaded,
): Promise<Response> | undefined {
  const { baseUrl = globalThis.location?.origin, allowedOrigins, requests, fetch: send = fetch } = options
  const request = input instanceof Request ? input : undefined
  const url = parseUrl(request?.url ?? input, baseUrl && `${baseUrl}/`)
  // The session manager reports an invalid URL. It also knows the `Request` of another realm, and one in the place of an init.
  if (!url || 'url' in init || !(request || typeof input === 'string')) return
  const { guestpass, [TRANSPORT]: transport, ...rest } = init
  const allowed = url.protocol !== 'blob:' && [parseUrl(baseUrl)?.origin, ...allowedOrigins].includes(url.origin)
  // The options of a session are for `fetch` alone, not for a transport.
  const wanted = guestpass?.token ?? (transport ?? requests?.token) !== false
  if (allowed && wanted && !new Headers(init.headers ?? request?.headers).has('Authorization')) {
    if (!onceLoaded || request || guestpass || requests || transport) return
    return sendWithStoredToken(options, `${baseUrl}`, url.href, rest, send, onceLoaded)
  }
  return ((transport as typeof fetch | undefined) ?? send)(request ?? url.href, rest)
}
