/**
 * Connects an axios instance to a session: one call replaces the request and the response interceptor that attach and
 * renew a token.
 *
 * @example
 * ```ts
 * import axios from 'axios'
 * import { createSession } from 'guestpass'
 * import { attachSession } from 'guestpass/axios'
 *
 * const session = createSession({ baseUrl: 'https://api.example' })
 * const api = axios.create({ baseURL: 'https://api.example' })
 * attachSession(api, session)
 *
 * const { data } = await api.get('/items/')
 * ```
 *
 * @packageDocumentation
 */

import {
  type AxiosAdapter,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosResponse,
  CanceledError,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios'
import { TRANSPORT, type TransportInit, type TransportResponse } from './transport.js'
import type { Session } from './types.js'
import { parseUrl } from './url.js'

/** Adapters made by `attachSession`. A config that the app sends again still contains one, which must not be wrapped twice. */
const attached = new WeakSet<object>()

/**
 * Lets an axios instance use `session`: its requests carry the token to allowed origins, wait while the token is refreshed,
 * and are sent once more after a 401. Interceptors, transforms, progress and cancellation work as before.
 *
 * When there is no token, a request rejects with the same `GuestpassError` as `session.fetch`. A request that has its own
 * `Authorization` header or `auth` is sent unchanged.
 *
 * @returns a function that detaches the session.
 */
export function attachSession(instance: AxiosInstance, session: Session): () => void {
  const id = instance.interceptors.request.use((config) => {
    const { adapter: real } = config
    if (!attached.has(real as object)) {
      const adapter: AxiosAdapter = (config) => send(instance, session, real, config)
      attached.add(adapter)
      config.adapter = adapter
    }
    return config
  })
  return () => instance.interceptors.request.eject(id)
}

// This replaces the adapter, which axios calls with the complete URL and the serialised body. The replay is therefore the
// same request, and interceptors and transforms run once.
async function send(
  instance: AxiosInstance,
  session: Session,
  original: InternalAxiosRequestConfig['adapter'],
  config: InternalAxiosRequestConfig,
): Promise<AxiosResponse> {
  const { headers, auth, data, signal } = config
  // The types of axios lack the second parameter.
  const adapter = (getAdapter as (...args: unknown[]) => AxiosAdapter)(original, config)
  const url = absolute(instance.getUri(config))
  // The adapter reports an invalid URL.
  if (!url || auth || headers.has('Authorization')) return adapter(config)

  let last: Promise<AxiosResponse> | undefined
  const init: TransportInit = {
    // A Node stream can be read only once, so the session must not replay it. The package form-data has old-style streams.
    body: typeof data?.pipe === 'function' ? new ReadableStream() : data,
    signal: signal as AbortSignal,
    async [TRANSPORT](_url, { headers: authorized }) {
      config.cancelToken?.throwIfRequested()
      const sent = adapter({
        ...config,
        headers: AxiosHeaders.from(headers).concat(authorized as unknown as AxiosHeaders),
      })
      last = sent.then(
        (response) => withoutToken(response, config),
        (error) => {
          if (error.response) withoutToken(error.response, config)
          throw withoutToken(error, config)
        },
      )
      return transportResponse(await last.catch((error) => error.response ?? Promise.reject(error)))
    },
  }
  try {
    await session.fetch(url, init)
  } catch (error) {
    // A call that is cancelled while it waits for the token rejects with the error of axios.
    throw !last && signal?.aborted ? new CanceledError(undefined, config) : error
  }
  return last as Promise<AxiosResponse>
}

/** Resolves a URL against the page, as `XMLHttpRequest` does, and not against the session's `baseUrl`. */
function absolute(url: string): string | undefined {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href
  return parseUrl(url, base)?.href
}

/** Hides the token: callers and their logs see the original config, and not the request that carried the token. */
function withoutToken<Part extends { config?: unknown; request?: unknown }>(part: Part, config: unknown): Part {
  part.config = config
  return Object.defineProperty(part, 'request', { enumerable: false })
}

function transportResponse({ status, request, data }: AxiosResponse): TransportResponse {
  const responseUrl = request?.responseURL ?? request?.res?.responseUrl
  // Mocks of axios return the relative URL of the request here. It says nothing about a redirect.
  const url = parseUrl(responseUrl)?.href ?? ''
  return {
    status,
    // The adapters for XMLHttpRequest and Node report the final URL; the adapter for `fetch` does not.
    redirected: Boolean(url),
    url,
    // Only a response stream must be cancelled. Any other body has been received completely.
    body: { cancel: async () => (data?.destroy ?? data?.cancel)?.call(data) },
  }
}
