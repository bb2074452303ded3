import { instantiateAtOnce } from '../instantiate.js'
import { bytes } from '../load.inline.js'
import { sessionFactory } from '../session.js'
import type { Session, SessionOptions } from '../types.js'
import { Issuer } from './issuer.js'
import { seededRandom } from './random.js'

/** Options of `createTestServer`. */
export interface TestServerOptions {
  /** Where it is: the `baseUrl` of the sessions under test. Default `https://api.test`. */
  readonly origin?: string
  /** How long an access token lasts, in milliseconds. Default 15 minutes. */
  readonly accessTtl?: number
  /** How long a used refresh token still gets its successor, in milliseconds. Default one minute. */
  readonly refreshGrace?: number
}

/** A request that reached the server, and what it answered. */
export interface TestRequest {
  /** In capitals. */
  readonly method: string
  /** Without the query. */
  readonly path: string
  /** Whose token it carried, guest or member, if that was accepted. */
  readonly guest: string | null
  /** As text; empty when there was none. */
  readonly body: string
  /** What the server answered, also when the answer was lost. */
  readonly status: number
}

/** Answers the requests of one route. `guest` is who asks: null only on public routes. */
export type TestHandler = (call: {
  /** As it arrived; its body can still be read. */
  readonly request: Request
  /** That of the request, taken apart. */
  readonly url: URL
  /** What the route's `:names` stand for. */
  readonly params: Readonly<Record<string, string>>
  /** Who asks, guest or member. */
  readonly guest: string | null
}) => Response | Promise<Response>

/** What goes wrong with requests to the server. */
export interface Fault {
  /** Only those of this method. */
  readonly method?: string
  /** Only those of this path, such as `/token`. */
  readonly path?: string
  /** How often; default once. */
  readonly times?: number
  /**
   * A status, 400 to 599: that is the answer, and nothing else happens. `'network'`: the request does not arrive. `'lost'`: it
   * arrives and takes effect, and its answer does not come back.
   */
  readonly with: number | 'network' | 'lost'
  /** Seconds, as `Retry-After` of a status. */
  readonly retryAfter?: number
}

/** A Guestpass server in memory, for the tests of an app. */
export interface TestServer {
  /** Where it is: what sessions take for their `baseUrl`. */
  readonly origin: string
  /** A `fetch` that reaches this server only. */
  readonly fetch: typeof globalThis.fetch
  /** Every request that arrived, in order. */
  readonly requests: readonly TestRequest[]
  /** The ids that all guests began with, in order. */
  readonly guests: readonly string[]
  /** How often a path was asked for. */
  count(path: string): number
  /**
   * Answers a route of the app's own API: `on('GET /items/:id', ({ params }) => Response.json(…))`. Requests without an
   * accepted token are answered with 401 before that, unless the route is public. The last one that fits counts.
   */
  on(route: `${string} /${string}`, handler: TestHandler, options?: { readonly public?: boolean }): void
  /** The real session manager, talking to this server. It keeps its session in memory and ends with `uninstall`. */
  createSession(options?: SessionOptions): Session
  /** Every access token given out so far is refused from now on, with 401; sessions live on and can be refreshed. */
  expire(): void
  /** Ends the sessions of a guest or a member, or all sessions: tokens are refused, and refreshing is `invalid_grant`. */
  revoke(guest?: string): void
  /** Makes a member whom `session.login` knows. Returns the id, `user_<uuid>`. */
  addMember(email: string, password: string): string
  /** Lets coming requests fail. Returns the way to stop that. */
  fail(fault: Fault): () => void
  /** No request arrives any more, and the page is told so. */
  goOffline(): void
  /** Requests arrive again, and the page is told so. */
  goOnline(): void
  /** From now on the global `fetch` reaches this server under its origin, and random numbers are the same in every run. */
  install(): void
  /**
   * Undoes `install`, closes the sessions that `createSession` made, and ends what `fail` and `goOffline` began. Guests,
   * routes and `requests` stay.
   */
  uninstall(): void
}

/** Makes a server without guests. It touches nothing outside before `install` or `createSession`. */
export function createTestServer(options: TestServerOptions = {}): TestServer {
  const { origin = 'https://api.test', accessTtl = 15 * 60_000, refreshGrace = 60_000 } = options
  const issuer = new Issuer({ origin, accessTtl, refreshGrace })
  const requests: TestRequest[] = []
  const routes: Route[] = []
  const faults: { fault: Fault; left: number }[] = []
  const sessions: Session[] = []
  const seed = seededRandom()
  let offline = false
  let restore: (() => void) | undefined

  async function serve(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    // Its signal is left out: in jsdom it is none that the Request of Node would take.
    const { signal = input instanceof Request ? input.signal : null, ...rest } = init ?? {}
    const request = new Request(absolute(input), { duplex: 'half', ...rest } as RequestInit)
    signal?.throwIfAborted()
    return unlessAborted(respond(request), signal)
  }

  async function respond(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname
    const fault = offline ? ({ with: 'network' } as const) : takeFault(request.method, path)
    if (fault?.with === 'network') throw unreachable()
    const body = await request.clone().text()
    const guest = issuer.guestOf(tokenOf(request))
    const response =
      typeof fault?.with === 'number' ? failed(fault.with, fault.retryAfter) : await answer(request, body, guest)
    requests.push({ method: request.method, path, guest, body, status: response.status })
    if (fault?.with === 'lost') throw unreachable()
    return response
  }

  function takeFault(method: string, path: string): Fault | undefined {
    const found = faults.find(
      ({ fault, left }) => left > 0 && (fault.path ?? path) === path && (fault.method ?? method) === method,
    )
    if (found) found.left -= 1
    return found?.fault
  }

  async function answer(request: Request, body: string, guest: string | null): Promise<Response> {
    const url = new URL(request.url)
    const form = new URLSearchParams(body)
    const action = `${request.method} ${url.pathname}`
    if (action === 'POST /anonymous-login') {
      // Simple clients send none.
      const given = body === '' ? {} : objectOf(body)
      if (!given) return problem(400, 'The body is no JSON object.')
      return Response.json(issuer.login(given.refresh === true, request.headers.get('Idempotency-Key')))
    }
    if (action === 'POST /token') {
      const successor = issuer.refresh(form.get('refresh_token'))
      return successor ? Response.json(successor) : Response.json({ error: 'invalid_grant' }, { status: 400 })
    }
    if (action === 'POST /revoke') {
      issuer.revokeToken(form.get('token'))
      return Response.json({})
    }
    for (const route of routes) {
      const params = route.match(request.method, url.pathname)
      if (!params) continue
      if (guest === null && !route.public) return unauthorized()
      return route.handler({ request, url, params, guest })
    }
    if (guest === null) return unauthorized()
    const token = tokenOf(request) ?? ''
    const kind = /^POST \/(register|login|link)$/.exec(action)?.[1] as 'register' | 'login' | 'link' | undefined
    if (kind) {
      const given = objectOf(body)
      if (!given) return problem(400, 'The body is no JSON object.')
      const { status = 200, ...said } = issuer.upgrade(kind, token, given)
      return status === 200 ? Response.json(said) : problem(status, 'The visitor is as before.', said)
    }
    if (action === 'GET /me') return Response.json(issuer.me(token))
    if (action === 'DELETE /me') {
      issuer.erase(token)
      return new Response(null, { status: 204 })
    }
    return problem(404, `The test server has no answer to this. Add one: server.on('${action}', …)`)
  }

  const server: TestServer = {
    origin,
    fetch: serve,
    requests,
    get guests() {
      return issuer.guests
    },
    count: (path) => requests.filter((request) => request.path === path).length,
    on: (route, handler, { public: open = false } = {}) => void routes.unshift(new Route(route, handler, open)),
    createSession(options) {
      server.install()
      const session = createSession({ baseUrl: origin, storage: 'memory', ...options })
      sessions.push(session)
      return session
    },
    expire: () => issuer.refuseAccess(),
    revoke: (guest) => issuer.revoke(guest),
    addMember: (email, password) => issuer.addMember(email, password),
    fail(fault) {
      const { with: what, times = 1 } = fault
      if (what !== 'network' && what !== 'lost' && !(Number.isInteger(what) && what >= 400 && what <= 599)) {
        throw new TypeError(`fail: with must be a status (400 to 599), 'network' or 'lost', not ${what}`)
      }
      if (!(times > 0)) throw new TypeError(`fail: times must be a number above 0, not ${times}`)
      const entry = { fault, left: times }
      faults.push(entry)
      return () => {
        entry.left = 0
      }
    },
    goOffline() {
      offline = true
      tell('offline')
    },
    goOnline() {
      offline = false
      tell('online')
    },
    install() {
      if (restore) return
      // What the app's own sessions load is that, too: in some places of tests no file can be fetched.
      instantiateAtOnce(bytes)
      const real = globalThis.fetch
      const unseed = seed()
      globalThis.fetch = (input, init) => (originOf(input) === origin ? serve(input, init) : real(input, init))
      restore = () => {
        globalThis.fetch = real
        unseed()
      }
    },
    uninstall() {
      for (const session of sessions.splice(0)) session.close()
      faults.length = 0
      if (offline) server.goOnline()
      restore?.()
      restore = undefined
    },
  }
  return server
}

// Without waiting: a test's clock would not know of that.
const createSession = /* @__PURE__ */ sessionFactory(async () => instantiateAtOnce(bytes))

class Route {
  readonly #method: string
  readonly #pattern: RegExp
  readonly handler: TestHandler
  readonly public: boolean

  constructor(route: string, handler: TestHandler, open: boolean) {
    const [, method, path] = /^([A-Z]+) (\/[^?#\s]*)$/.exec(route) ?? []
    if (!method || !path)
      throw new TypeError(`a route is a method and a path, such as 'GET /items/:id', not '${route}'`)
    const literal = path.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    this.#method = method
    this.#pattern = new RegExp(`^${literal.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`)
    this.handler = handler
    this.public = open
  }

  match(method: string, path: string): Readonly<Record<string, string>> | undefined {
    if (method !== this.#method) return
    const found = this.#pattern.exec(path)
    return found ? { ...found.groups } : undefined
  }
}

/** As a page resolves what is relative to it; where there is none, Node's `fetch` says that it wants more. */
function absolute(input: RequestInfo | URL): Request | string {
  if (input instanceof Request) return input
  const page = globalThis.location?.href
  return page && page !== 'about:blank' ? new URL(String(input), page).href : String(input)
}

function objectOf(body: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function originOf(input: RequestInfo | URL): string | undefined {
  const url = absolute(input)
  const text = typeof url === 'string' ? url : url.url
  return URL.canParse(text) ? new URL(text).origin : undefined
}

/** Who aborts does not wait for the answer: as `fetch` does it. */
function unlessAborted(answer: Promise<Response>, signal: AbortSignal | null | undefined): Promise<Response> {
  if (!signal) return answer
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    signal.addEventListener('abort', abort)
    answer.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

function unreachable(): TypeError {
  return new TypeError('fetch failed: the test server cannot be reached')
}

function failed(status: number, retryAfter: number | undefined): Response {
  const response = problem(status, 'The test asked for this.')
  if (retryAfter !== undefined) response.headers.set('Retry-After', String(retryAfter))
  return response
}

function unauthorized(): Response {
  const response = problem(401, 'No token, or none that is accepted.')
  response.headers.set('WWW-Authenticate', 'Bearer error="invalid_token"')
  return response
}

function problem(status: number, detail: string, more: object = {}): Response {
  const headers = { 'content-type': 'application/problem+json' }
  const body = { type: 'about:blank', title: 'Error', status, detail, ...more }
  return new Response(JSON.stringify(body), { status, headers })
}

function tokenOf(request: Request): string | undefined {
  return /^Bearer (.+)$/i.exec(request.headers.get('Authorization') ?? '')?.[1]
}

function tell(event: 'online' | 'offline'): void {
  if (typeof window === 'object' && typeof window.dispatchEvent === 'function') window.dispatchEvent(new Event(event))
}
