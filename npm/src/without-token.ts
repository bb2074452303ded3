import type { CheckedOptions } from './options.js'
import { TRANSPORT, type TransportInit } from './transport.js'
import { parseUrl } from './url.js'

/**
 * Sends a request that gets no token: to another origin, with its own `Authorization`, or with `token: false`. It needs no
 * session manager, and works where the compiled code cannot be loaded (C27). Undefined for any other request. The session
 * manager, once loaded, decides by the same rule (`takes_token` in `sdk/session/src/fetch_call.rs`).
 */
export function sendWithoutToken(
  { baseUrl = globalThis.location?.origin, allowedOrigins, requests, fetch: send = fetch }: CheckedOptions,
  input: RequestInfo | URL,
  init: TransportInit = {},
): Promise<Response> | undefined {
  const request = input instanceof Request ? input : undefined
  const url = parseUrl(request?.url ?? input, baseUrl && `${baseUrl}/`)
  // The session manager reports an invalid URL. It also knows the `Request` of another realm, and one in the place of an init.
  if (!url || 'url' in init || !(request || typeof input === 'string')) return
  const { guestpass, [TRANSPORT]: transport, ...rest } = init
  const allowed = url.protocol !== 'blob:' && [parseUrl(baseUrl)?.origin, ...allowedOrigins].includes(url.origin)
  // The options of a session are for `fetch` alone, not for a transport.
  const wanted = guestpass?.token ?? (transport ?? requests?.token) !== false
  if (allowed && wanted && !new Headers(init.headers ?? request?.headers).has('Authorization')) return
  return ((transport as typeof fetch | undefined) ?? send)(request ?? url.href, rest)
}
