import {
  type AxiosAdapter,
  AxiosHeaders,
  type AxiosInstance,
  type AxiosResponse,
  CanceledError,
  getAdapter,
  type InternalAxiosRequestConfig,
} from 'axios'
import { type Answer, TRANSPORT, type TransportInit } from './transport.js'
import type { Session } from './types.js'

/** Adapters that bring the token along already: a config that is sent again still has one. */
const attached = new WeakSet<object>()

/**
 * Lets an axios instance use `session`: its requests carry the token where their origin is allowed, wait for a renewal
 * when it is due, and are sent once more after a 401. Interceptors, transforms, progress and cancellation stay as they are.
 *
 * A request for which there is no token is rejected with the `GuestpassError` that `session.fetch` would reject with. One
 * that brings an `Authorization` header or `auth` of its own is sent as it is.
 *
 * @returns the way to undo it.
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

// In the place of the adapter, where the URL is whole and the body is serialised: what is sent a second time is the
// same, and interceptors and transforms do not see it twice.
async function send(
  instance: AxiosInstance,
  session: Session,
  named: InternalAxiosRequestConfig['adapter'],
  config: InternalAxiosRequestConfig,
): Promise<AxiosResponse> {
  const { headers, auth, data, signal } = config
  // Its second parameter is not in its types.
  const adapter = (getAdapter as (...args: unknown[]) => AxiosAdapter)(named, config)
  const url = absolute(instance.getUri(config))
  // Of a URL that is none, the adapter says what is wrong with it.
  if (!url || auth || headers.has('Authorization')) return adapter(config)

  let last: Promise<AxiosResponse> | undefined
  const init: TransportInit = {
    // Streams of Node, also the old ones that the package form-data has, can be read once.
    body: typeof data?.pipe === 'function' ? new ReadableStream() : data,
    signal: signal as AbortSignal,
    async [TRANSPORT](_url, { headers: granted }) {
      config.cancelToken?.throwIfRequested()
      const sent = adapter({
        ...config,
        headers: AxiosHeaders.from(headers).concat(granted as unknown as AxiosHeaders),
      })
      last = sent.then(
        (response) => concealed(response, config),
        (error) => {
          if (error.response) concealed(error.response, config)
          throw concealed(error, config)
        },
      )
      return answerOf(await last.catch((error) => error.response ?? Promise.reject(error)))
    },
  }
  try {
    await session.fetch(url, init)
  } catch (error) {
    // Whoever cancels while the token is awaited gets what axios gives.
    throw !last && signal?.aborted ? new CanceledError(undefined, config) : error
  }
  return last as Promise<AxiosResponse>
}

/** As `XMLHttpRequest` resolves it: against the page, not against the session's `baseUrl`. */
function absolute(url: string): string | undefined {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href
  return URL.canParse(url, base) ? new URL(url, base).href : undefined
}

/** Keeps the token out of what callers, and their logs, see of a response or an error. */
function concealed<Part extends { config?: unknown; request?: unknown }>(part: Part, config: unknown): Part {
  part.config = config
  return Object.defineProperty(part, 'request', { enumerable: false })
}

function answerOf({ status, request, data }: AxiosResponse): Answer {
  const told = request?.responseURL ?? request?.res?.responseUrl
  // Mocks repeat the relative one that they were given, which tells of no redirect.
  const url = URL.canParse(told) ? told : ''
  return {
    status,
    // Where a redirect has led: XMLHttpRequest and Node tell, the adapter for `fetch` does not.
    redirected: Boolean(url),
    url,
    // A stream that nobody will read; anything else is here already.
    body: { cancel: async () => (data?.destroy ?? data?.cancel)?.call(data) },
  }
}
