// Watches the requests of this page go by, for the timeline: the method, the path and what became of it.

/** A request, as the timeline shows it. */
export interface Wire {
  readonly shop: 'guestpass' | 'classic'
  /** As in `POST /token`. */
  readonly request: string
  /** Zero where no answer came. */
  readonly status: number
  /** In milliseconds. */
  readonly took: number
}

const listeners = new Set<(wire: Wire) => void>()

export function onWire(listener: (wire: Wire) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Takes note of a request that this module does not see by itself. */
export function noteWire(wire: Wire): void {
  for (const listener of listeners) listener(wire)
}

const send = globalThis.fetch

globalThis.fetch = async (input, init) => {
  const watched = requestOf(input, init)
  if (watched === null) return send(input, init)
  const began = performance.now()
  const note = (status: number) =>
    noteWire({ shop: 'guestpass', request: watched, status, took: performance.now() - began })
  try {
    const response = await send(input, init)
    note(response.status)
    return response
  } catch (error) {
    note(0)
    throw error
  }
}

/** Null for what is not the API's: files, and the lab's own questions. */
function requestOf(input: RequestInfo | URL, init: RequestInit | undefined): string | null {
  const { href, method } =
    input instanceof Request
      ? { href: input.url, method: init?.method ?? input.method }
      : { href: input, method: init?.method }
  const { origin, pathname } = new URL(href, location.href)
  if (origin !== location.origin || pathname.startsWith('/demo/') || pathname.startsWith('/assets/')) return null
  return `${(method ?? 'GET').toUpperCase()} ${pathname}`
}
