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
  AxiosError,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosResponse,
  CanceledError,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios'
import { onAbort } from './listeners.js'
import { TRANSPORT, type TransportInit, type TransportResponse } from './transport.js'
import type { RequestOptions, Session } from './types.js'
import { parseUrl } from './url.js'

/** How the session treats a request of axios. A member that is undefined has its default. */
export interface AxiosRequestOptions extends Omit<RequestOptions, 'isUnauthorized'> {
  /**
   * As for `session.fetch`, with the response of axios before `validateStatus` and `transformResponse`: `data` is the text of
   * the body, or what `responseType` says.
   */
  readonly isUnauthorized?: ((response: AxiosResponse) => boolean | Promise<boolean>) | undefined
}

declare module 'axios' {
  // biome-ignore lint/suspicious/noExplicitAny: the type parameters of axios
  interface AxiosRequestConfig<D = any, P = any> {
    /** How the session of `attachSession` treats this request. */
    guestpass?: AxiosRequestOptions | undefined
  }
}

/** Adapters made by `attachSession`. A config that the app sends again still contains one, which must not be wrapped twice. */
const attached = new WeakSet<object>()

/**
 * Lets an axios instance use `session`: its requests carry the token to allowed origins, wait while the token is refreshed,
 * and are sent once more after a 401 about the token. Interceptors, transforms, progress and cancellation work as before. The
 * `timeout` of a request includes the wait for the token.
 *
 * When there is no token, a request rejects with the same `GuestpassError` as `session.fetch`. A request that has its own
 * `Authorization` header or `auth` is sent unchanged.
 *
 * @param defaults - the defaults of `guestpass` in the config of a request. The option `requests` of the session has no effect
 *   on axios.
 * @returns a function that detaches the session.
 */
export function attachSession(
  instance: AxiosInstance,
  session: Session,
  defaults: AxiosRequestOptions = {},
): () => void {
  const id = instance.interceptors.request.use((config) => {
    const { adapter: real } = config
    if (!attached.has(real as object)) {
      const adapter: AxiosAdapter = (config) => send(instance, session, defaults, real, config)
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
  defaults: AxiosRequestOptions,
  original: InternalAxiosRequestConfig['adapter'],
  config: InternalAxiosRequestConfig,
): Promise<AxiosResponse> {
  const { headers, auth, data } = config
  // The types of axios lack the second parameter.
  const adapter = (getAdapter as (...args: unknown[]) => AxiosAdapter)(original, config)
  const url = absolute(instance.getUri(config))
  // The adapter reports an invalid URL.
  if (!url || auth || headers.has('Authorization')) return adapter(config)

  const wait = waitOf(config)
  const options = { ...defaults, ...config.guestpass }
  const { isUnauthorized } = options
  let last: Promise<AxiosResponse> | undefined
  let response: AxiosResponse
  const init: TransportInit = {
    // A Node stream can be read only once, so the session must not replay it. The package form-data has old-style streams.
    body: typeof data?.pipe === 'function' ? new ReadableStream() : data,
    signal: wait.signal,
    // The session reports a wrong member.
    guestpass: (typeof isUnauthorized === 'function'
      ? { ...options, isUnauthorized: () => isUnauthorized(response) }
      : options) as RequestOptions,
    async [TRANSPORT](_url, { headers: authorized }) {
      wait.signal.throwIfAborted()
      const sent = adapter({
        ...config,
        ...wait.timeLeft(),
        headers: AxiosHeaders.from(headers).concat(authorized as unknown as AxiosHeaders),
      })
      last = sent.then(
        (response) => withoutToken(response, config),
        (error) => {
          if (error.response) withoutToken(error.response, config)
          throw withoutToken(error, config)
        },
      )
      response = await last.catch((error) => error.response ?? Promise.reject(error))
      return transportResponse(response)
    },
  }
  try {
    await session.fetch(url, init)
  } finally {
    wait.end()
  }
  return last as Promise<AxiosResponse>
}

/** The limits of the wait for a token. When one is reached, `signal` is aborted with the error of axios. */
function waitOf(config: InternalAxiosRequestConfig) {
  const { signal, cancelToken } = config
  const timeout = Number(config.timeout) || 0
  const started = performance.now()
  const controller = new AbortController()
  const cancel = (reason: unknown = new CanceledError(undefined, config)) => controller.abort(reason)
  const message = config.timeoutErrorMessage || `timeout of ${timeout}ms exceeded`
  const timeOut = () => {
    const code = config.transitional?.clarifyTimeoutError ? AxiosError.ETIMEDOUT : AxiosError.ECONNABORTED
    controller.abort(new AxiosError(message, code, config))
  }
  const timer = timeout > 0 ? setTimeout(timeOut, timeout) : undefined
  const removeListener = onAbort(signal as AbortSignal | undefined, () => cancel())
  if (signal?.aborted) cancel()
  // Calls `cancel` at once if it is cancelled.
  cancelToken?.subscribe(cancel)
  return {
    signal: controller.signal,
    /** The members of the config for the adapter. */
    timeLeft() {
      if (!timer) return
      const left = Math.ceil(timeout - (performance.now() - started))
      return { timeout: Math.max(1, left), timeoutErrorMessage: message }
    },
    end() {
      clearTimeout(timer)
      removeListener()
      cancelToken?.unsubscribe(cancel)
    },
  }
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

function transportResponse({ status, headers, request, data }: AxiosResponse): TransportResponse {
  const responseUrl = request?.responseURL ?? request?.res?.responseUrl
  // Mocks of axios return the relative URL of the request here. It says nothing about a redirect.
  const url = parseUrl(responseUrl)?.href ?? ''
  return {
    status,
    // The adapters for XMLHttpRequest and Node report the final URL; the adapter for `fetch` does not.
    redirected: Boolean(url),
    url,
    headers: { get: (name) => AxiosHeaders.from(headers as AxiosHeaders).get(name) as string },
    // Only a response stream must be cancelled. Any other body has been received completely.
    body: { cancel: async () => (data?.destroy ?? data?.cancel)?.call(data) },
  }
}
