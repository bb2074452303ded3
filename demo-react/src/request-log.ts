// Reports every API request of this page: method, path, status and duration. Importing it replaces the global `fetch`.

/** A request, as the timeline shows it. */
export interface LoggedRequest {
  readonly shop: 'guestpass' | 'classic'
  /** Method and path, for example `POST /token`. */
  readonly request: string
  /** The HTTP status. 0 when there was no response. */
  readonly status: number
  /** The duration in milliseconds. */
  readonly took: number
}

const listeners = new Set<(request: LoggedRequest) => void>()

/** Calls `listener` with each request that has ended. Returns a function that unsubscribes. */
export function onRequest(listener: (request: LoggedRequest) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Reports a request that was not sent by `fetch`. */
export function logRequest(request: LoggedRequest): void {
  for (const listener of listeners) listener(request)
}

// The login that the head of the page has sent before this module replaced `fetch` (guestpass/early-login).
const loaded = performance.now()
const early = new PerformanceObserver((list) => {
  for (const entry of list.getEntries() as PerformanceResourceTiming[]) {
    if (entry.name !== `${location.origin}/anonymous-login` || entry.startTime > loaded) continue
    // Safari does not tell the status.
    const { responseStatus = 200, duration } = entry
    logRequest({ shop: 'guestpass', request: 'POST /anonymous-login', status: responseStatus, took: duration })
    early.disconnect()
  }
})
early.observe({ type: 'resource', buffered: true })

const send = globalThis.fetch

globalThis.fetch = async (input, init) => {
  const request = apiRequest(input, init)
  if (request === null) return send(input, init)
  const began = performance.now()
  const log = (status: number) => logRequest({ shop: 'guestpass', request, status, took: performance.now() - began })
  try {
    const response = await send(input, init)
    log(response.status)
    return response
  } catch (error) {
    log(0)
    throw error
  }
}

/** Method and path of an API request. Null for files, for other origins, and for the requests of the lab itself. */
function apiRequest(input: RequestInfo | URL, init: RequestInit | undefined): string | null {
  const { href, method } =
    input instanceof Request
      ? { href: input.url, method: init?.method ?? input.method }
      : { href: input, method: init?.method }
  const { origin, pathname } = new URL(href, location.href)
  if (origin !== location.origin || pathname.startsWith('/demo/') || pathname.startsWith('/assets/')) return null
  return `${(method ?? 'GET').toUpperCase()} ${pathname}`
}
