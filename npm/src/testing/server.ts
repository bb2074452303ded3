import { instantiateAtOnce } from '../instantiate.js'
import { onAbort } from '../listeners.js'
import { bytes } from '../load.inline.js'
import { sessionFactory } from '../session.js'
import type { Session, SessionOptions } from '../types.js'
import { parseUrl } from '../url.js'
import { declare, type TestCollection } from './collections.js'
import { Entries } from './entries.js'
import { respondToEntries } from './entry-routes.js'
import { Issuer } from './issuer.js'
import { problem } from './problem.js'
import { seededRandom } from './random.js'

/** Options of `createTestServer`. */
export interface TestServerOptions {
  /** The origin of the server, and the `baseUrl` of the sessions under test. Default `https://api.test`. */
  readonly origin?: string
  /** How long an access token is valid, in milliseconds. Default 15 minutes. */
  readonly accessTtl?: number
  /** How long the server accepts a used refresh token once more, in milliseconds. Default one minute. */
  readonly refreshGrace?: number
  /**
   * The collections below `/me`, as the declarations of the real server. The default four (`cart`, `favorites`, `history`,
   * `preferences`) are there too; a collection of the same name replaces one of them, and `false` removes it.
   */
  readonly collections?: Readonly<Record<string, TestCollection | false>>
}

/** A request that the server received, with the status of the response. */
export interface TestRequest {
  /** The HTTP method, in upper case. */
  readonly method: string
  /** The path, without the query. */
  readonly path: string
  /** The subject of the token, a guest or a member. `null` without a valid token. */
  readonly guest: string | null
  /** The body as text. Empty when there was none. */
  readonly body: string
  /** The status of the response, also when the response was lost. */
  readonly status: number
}

/** Handles the requests of one route. */
export type TestHandler = (call: {
  /** The request. Its body has not been read. */
  readonly request: Request
  /** The parsed URL of the request. */
  readonly url: URL
  /** The values of the route's `:names`. */
  readonly params: Readonly<Record<string, string>>
  /** The subject of the token, a guest or a member. `null` only on public routes. */
  readonly guest: string | null
}) => Response | Promise<Response>

/** A fault of requests to the test server. */
export interface Fault {
  /** Applies to requests with this method only. */
  readonly method?: string
  /** Applies to requests with this path only, such as `/token`. */
  readonly path?: string
  /** The number of requests that fail. Default 1. */
  readonly times?: number
  /**
   * A status from 400 to 599: the server responds with it and does nothing else. `'network'`: the server does not receive
   * the request. `'lost'`: the server processes the request, and the response is lost.
   */
  readonly with: number | 'network' | 'lost'
  /** The header `Retry-After` of the response, in seconds. */
  readonly retryAfter?: number
}

/** A Guestpass server in memory, for the tests of an app. */
export interface TestServer {
  /** The origin of the server, and the `baseUrl` of its sessions. */
  readonly origin: string
  /** A `fetch` that reaches only this server. */
  readonly fetch: typeof globalThis.fetch
  /** All requests that the server has received, in order. */
  readonly requests: readonly TestRequest[]
  /** The original ids of all guests that the server has made, in order. */
  readonly guests: readonly string[]
  /** How many requests the server has received for a path. */
  count(path: string): number
  /**
   * Adds a route of the app's own API: `on('GET /items/:id', ({ params }) => Response.json(…))`. The server responds to
   * requests without a valid token with 401, unless the route is public. The last matching route handles the request.
   */
  on(route: `${string} /${string}`, handler: TestHandler, options?: { readonly public?: boolean }): void
  /** Calls `install` and creates a real session of this server. It is stored in memory, and `uninstall` closes it. */
  createSession(options?: SessionOptions): Session
  /** Refuses all access tokens issued so far with 401. The sessions can be refreshed. */
  expire(): void
  /** Ends the sessions of a guest or a member, or all sessions. Refreshing then fails with `invalid_grant`. */
  revoke(guest?: string): void
  /** Adds a member, as which `session.login` can log in. Returns the id, `user_<uuid>`. */
  addMember(email: string, password: string): string
  /** Makes the next requests fail. Returns a function that removes the fault. */
  fail(fault: Fault): () => void
  /** Makes all requests fail, and dispatches the event `offline` to the page. */
  goOffline(): void
  /** Ends `goOffline`, and dispatches the event `online` to the page. */
  goOnline(): void
  /**
   * Replaces the global `fetch`: requests to the server's origin reach this server. Also makes random numbers the same in
   * every run.
   */
  install(): void
  /**
   * Undoes `install`, closes the sessions of `createSession`, and ends the faults of `fail` and `goOffline`. Guests, routes
   * and `requests` stay.
   */
  uninstall(): void
}

/** Creates a server without guests. It changes no global before `install` or `createSession`. */
export function createTestServer(options: TestServerOptions = {}): TestServer {
  const { origin = 'https://api.test', accessTtl = 15 * 60_000, refreshGrace = 60_000, collections = {} } = options
  const entries = new Entries(declare(collections))
  const issuer = new Issuer({ origin, accessTtl, refreshGrace, entries })
  const requests: TestRequest[] = []
  const routes: Route[] = []
  const faults: { fault: Fault; left: number }[] = []
  const sessions: Session[] = []
  const seed = seededRandom()
  let offline = false
  let restore: (() => void) | undefined

  async function serve(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    // Without the signal: Node's `Request` does not accept a signal of jsdom.
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
    const token = tokenOf(request)
    // Account requests need the refresh token. Every other request needs an access token.
    const isAccount = ACCOUNT_REQUEST.test(`${request.method} ${path}`)
    const guest = isAccount ? issuer.subjectOfRefreshToken(token) : issuer.subjectOfToken(token)
    const response =
      typeof fault?.with === 'number' ? failed(fault.with, fault.retryAfter) : await handle(request, body, guest)
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

  async function handle(request: Request, body: string, guest: string | null): Promise<Response> {
    const url = new URL(request.url)
    const form = new URLSearchParams(body)
    const action = `${request.method} ${url.pathname}`
    if (action === 'POST /anonymous-login') {
      // Clients without refresh tokens send no body.
      const json = body === '' ? {} : objectOf(body)
      if (!json) return problem(400, 'The body is not a JSON object.')
      return Response.json(issuer.login(json.refresh === true, request.headers.get('Idempotency-Key')))
    }
    if (action === 'POST /token') {
      const tokens = issuer.refresh(form.get('refresh_token'))
      return tokens ? Response.json(tokens) : Response.json({ error: 'invalid_grant' }, { status: 400 })
    }
    if (action === 'POST /revoke') {
      issuer.revokeToken(form.get('token'))
      return Response.json({})
    }
    const token = tokenOf(request)
    const refused = () => {
      const needsRefreshToken = ACCOUNT_REQUEST.test(action) && issuer.subjectOfToken(token) !== null
      return needsRefreshToken ? refreshTokenRequired() : unauthorized()
    }
    for (const route of routes) {
      const params = route.match(request.method, url.pathname)
      if (!params) continue
      if (guest === null && !route.public) return refused()
      return route.handler({ request, url, params, guest })
    }
    const kind = /^POST \/(register|login|link)$/.exec(action)?.[1] as 'register' | 'login' | 'link' | undefined
    if (kind) {
      const json = objectOf(body)
      if (!json) return problem(400, 'The body is not a JSON object.')
      const result = issuer.upgrade(kind, token, request.headers.get('Idempotency-Key'), json)
      if (!result) return refused()
      const { status = 200, ...members } = result
      return status === 200 ? Response.json(members) : problem(status, 'The visitor is unchanged.', members)
    }
    if (guest === null) return refused()
    if (action === 'GET /me') return Response.json(issuer.me(token))
    if (action === 'GET /me/export') return Response.json(issuer.export(token))
    if (action === 'GET /me/sessions') return Response.json({ sessions: issuer.sessions(token) })
    if (action === 'DELETE /me') {
      issuer.erase(token)
      return new Response(null, { status: 204 })
    }
    if (action === 'DELETE /me/sessions') {
      issuer.endOtherSessions(token)
      return new Response(null, { status: 204 })
    }
    const ended = /^DELETE \/me\/sessions\/([^/]+)$/.exec(action)?.[1]
    if (ended !== undefined) {
      const found = issuer.endSession(token, decodeURIComponent(ended))
      return found ? new Response(null, { status: 204 }) : problem(404, 'There is no such session.')
    }
    const { method, headers } = request
    const response = respondToEntries(entries, { method, url, headers, body, uuid: uuidOf(guest) })
    if (response) return response
    return problem(404, `The test server has no route for this request. Add one: server.on('${action}', …)`)
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
      const { with: kind, times = 1 } = fault
      if (kind !== 'network' && kind !== 'lost' && !(Number.isInteger(kind) && kind >= 400 && kind <= 599)) {
        throw new TypeError(`fail: with must be a status (400 to 599), 'network' or 'lost', not ${kind}`)
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
      dispatch('offline')
    },
    goOnline() {
      offline = false
      dispatch('online')
    },
    install() {
      if (restore) return
      // The app's own sessions use this code too: some test environments, such as jsdom, cannot fetch a file.
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

/** The requests that take the refresh token as the bearer token. */
const ACCOUNT_REQUEST =
  /^POST \/((register|login)(\/options)?|link)$|^DELETE \/me$|^GET \/me\/(export|sessions)$|^DELETE \/me\/sessions(\/[^/]+)?$/

// Synchronous: a test's clock cannot wait for the compilation.
const createSession = /* @__PURE__ */ sessionFactory(async () => instantiateAtOnce(bytes))

class Route {
  readonly #method: string
  readonly #pattern: RegExp
  readonly handler: TestHandler
  readonly public: boolean

  constructor(route: string, handler: TestHandler, open: boolean) {
    const [, method, path] = /^([A-Z]+) (\/[^?#\s]*)$/.exec(route) ?? []
    if (!method || !path)
      throw new TypeError(`on: a route must be a method and a path, such as 'GET /items/:id', not '${route}'`)
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

/** Resolves a relative URL against the page. Without a page, `new Request` throws for a relative URL. */
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
  return parseUrl(text)?.origin
}

/** Rejects when the signal is aborted, without waiting for the response, as `fetch` does. */
function unlessAborted(response: Promise<Response>, signal: AbortSignal | null | undefined): Promise<Response> {
  if (!signal) return response
  return new Promise((resolve, reject) => {
    const removeListener = onAbort(signal, () => reject(signal.reason))
    response.then(resolve, reject).finally(removeListener)
  })
}

function unreachable(): TypeError {
  return new TypeError('fetch failed: the test server cannot be reached')
}

function failed(status: number, retryAfter: number | undefined): Response {
  const response = problem(status, 'The test made this request fail with server.fail().')
  if (retryAfter !== undefined) response.headers.set('Retry-After', String(retryAfter))
  return response
}

function unauthorized(): Response {
  const response = problem(401, 'The access token is missing or not accepted.')
  response.headers.set('WWW-Authenticate', 'Bearer error="invalid_token"')
  return response
}

function refreshTokenRequired(): Response {
  const detail = 'This request needs the refresh token. A session sends it; session.fetch never does.'
  return problem(403, detail, { code: 'refresh_token_required' })
}

function tokenOf(request: Request): string | undefined {
  return /^Bearer (.+)$/i.exec(request.headers.get('Authorization') ?? '')?.[1]
}

/** The UUID of a subject, which a guest and the member that it becomes have in common. */
function uuidOf(subject: string): string {
  return subject.slice(subject.indexOf('_') + 1)
}

function dispatch(event: 'online' | 'offline'): void {
  if (typeof window === 'object' && typeof window.dispatchEvent === 'function') window.dispatchEvent(new Event(event))
}
