import { TRANSPORT, type TransportInit } from '../transport.js'

const AUTHORIZATION = 'Authorization'

/** One logical request of a caller: what `fetch` was given, to be sent once or twice. */
export class Call {
  readonly signal: AbortSignal | null | undefined
  /** The body of a `Request` is a stream too, but one that can be copied. */
  readonly replayable: boolean
  readonly #input: string | Request
  /** A copy of the caller's, empty where there was none. */
  readonly #init: TransportInit
  readonly #url: URL
  /** Those that the request would have without a token; undefined where it would have none. */
  readonly #headers: Headers | undefined
  /** The body of a `Request` can be read once: the copy for the replay is made before that. */
  #replay: Request | undefined

  /** Reads what the caller gave. Relative URLs are relative to `baseUrl`, as if it ended in a slash. */
  constructor(baseUrl: string, input: RequestInfo | URL, init: RequestInit | undefined) {
    let request = input instanceof Request ? input : undefined
    this.#url = request ? new URL(request.url) : new URL(input as string | URL, `${baseUrl}/`)
    let options = init
    if (init instanceof Request) {
      // What `fetch` reads from a `Request` in the place of an init are getters, which a copy would not have.
      request = new Request(request ?? this.#url, init)
      options = undefined
    }
    this.#input = request ?? this.#url.href
    this.#init = { ...options }
    const { headers, signal, body } = this.#init
    this.#headers = headers === undefined ? request?.headers : new Headers(headers)
    if (headers !== undefined) this.#init.headers = this.#headers as Headers
    this.signal = signal === undefined ? request?.signal : signal
    this.replayable = !isStream(body)
  }

  /**
   * Whether the token belongs on it: the exact origin is allowed (C12), and the caller has not brought credentials of
   * their own. A `blob:` URL is of the origin that made it, but no request goes there.
   */
  takesToken(allowedOrigins: readonly string[]): boolean {
    const { protocol, origin } = this.#url
    return /^https?:$/.test(protocol) && allowedOrigins.includes(origin) && !this.#headers?.has(AUTHORIZATION)
  }

  /**
   * Whether the answer comes from another origin than the one that got the token: browsers take the token off a redirect
   * that leads elsewhere, and what is said there is not about it.
   */
  wasLedAway({ redirected, url }: Response): boolean {
    return redirected && new URL(url).origin !== this.#url.origin
  }

  /** Sends it as the caller gave it. */
  sendUnchanged(): Promise<Response> {
    return typeof this.#input === 'string' ? this.#fetch(this.#input, this.#init) : fetch(this.#input, this.#init)
  }

  /** Sends it with the token; `last`: it will not be sent again. */
  send(accessToken: string, last: boolean): Promise<Response> {
    const authorization = `Bearer ${accessToken}`
    if (typeof this.#input === 'string') {
      // Into what is empty, an object is the quicker way.
      if (this.#headers) this.#headers.set(AUTHORIZATION, authorization)
      else this.#init.headers = { [AUTHORIZATION]: authorization }
      return this.#fetch(this.#input, this.#init)
    }
    // Leaves the caller's own as `fetch` does: read, and without our token.
    const request = this.#replay ?? new Request(this.#input, this.#init)
    this.#replay = last || !this.replayable || isBodiless(request) ? undefined : request.clone()
    request.headers.set(AUTHORIZATION, authorization)
    // `fetch` may know members that `Request` does not keep. When nothing is left, it counts as none: any init makes
    // `fetch` forget the referrer of a `Request`.
    const { headers, body, ...extras } = this.#init
    return fetch(request, extras)
  }

  /** A transport stands in for as much of a `Response` as is read here. */
  #fetch(input: string, init: RequestInit): Promise<Response> {
    // As a function of nobody: browsers call their `fetch` illegal on an object that is no window.
    const send = (this.#init[TRANSPORT] as typeof fetch | undefined) ?? fetch
    return send(input, init)
  }

  /** Lets go of what a replay would have needed: the other branch of the body is read, and this one would be kept. */
  settled(): void {
    cancel(this.#replay?.body)
  }
}

/** Ends the transfer of a body that nobody will read. */
export function cancel(body: ReadableStream | null | undefined): void {
  // Whether that succeeds is nobody's concern.
  body?.cancel().catch(() => {})
}

/** A stream, or what Node takes for one, can be read once. */
function isStream(body: unknown): boolean {
  return body instanceof ReadableStream || (typeof body === 'object' && body !== null && Symbol.asyncIterator in body)
}

function isBodiless({ body, method }: Request): boolean {
  // Undefined where the engine does not show it.
  return body === null || /^(GET|HEAD)$/.test(method)
}
