import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that the server has received. */
export interface Seen {
  readonly path: string
  readonly token: string | undefined
  readonly body: string
}

/** The status, the JSON and the headers of a response. */
export type Answer = readonly [status: number, json: unknown, headers?: OutgoingHttpHeaders]

interface Guest {
  readonly id: string
  accessToken: string
  refreshToken: string
}

/** A small HTTP server with the endpoints of Guestpass. It records the requests. */
export class GuestServer implements AsyncDisposable {
  readonly seen: Seen[] = []
  /** The same requests, with their headers. */
  readonly requests: { readonly path: string; readonly method: string; readonly headers: IncomingHttpHeaders }[] = []
  readonly #answers = new Map<string, Answer[]>()
  readonly #held = new Map<string, Promise<void>>()
  readonly #server: Server
  readonly #guests: Guest[] = []
  #serial = 0

  static async listen(): Promise<GuestServer> {
    const guestServer = new GuestServer()
    await new Promise<void>((resolve) => guestServer.#server.listen(0, '127.0.0.1', resolve))
    return guestServer
  }

  private constructor() {
    this.#server = createServer((request, response) => void this.#respond(request, response))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve))
    this.#server.closeAllConnections()
    await closed
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** How many requests the server has received for a path. */
  count(path: string): number {
    return this.seen.filter((request) => request.path === path).length
  }

  /** The headers of the first request for a path. */
  headersOf(path: string): IncomingHttpHeaders | undefined {
    return this.requests.find((request) => request.path === path)?.headers
  }

  /** Answers the next requests for a path, and all later ones like the last of them. */
  answer(path: string, ...answers: Answer[]): void {
    this.#answers.set(path, answers)
  }

  /** Holds the responses to requests for a path, until the returned function is called. */
  hold(path: string): () => void {
    let release = () => {}
    this.#held.set(path, new Promise((resolve) => (release = resolve)))
    return () => {
      this.#held.delete(path)
      release()
    }
  }

  /** Refuses all access tokens issued so far. The sessions can be refreshed. */
  refuseAccessTokens(): void {
    for (const guest of this.#guests) guest.accessToken = ''
  }

  /** Ends every session. */
  endSessions(): void {
    this.#guests.length = 0
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url)
    const token = request.headers.authorization?.replace(/^Bearer /, '')
    let body = ''
    for await (const chunk of request) body += chunk
    this.seen.push({ path: pathname, token, body })
    this.requests.push({ path: pathname, method: request.method ?? '', headers: request.headers })
    await this.#held.get(pathname)
    if (pathname === '/elsewhere') {
      response.writeHead(307, { location: searchParams.get('to') ?? '/' }).end()
      return
    }
    const answers = this.#answers.get(pathname) ?? []
    const answer = answers.length > 1 ? answers.shift() : answers[0]
    const [status, json, headers]: Answer = answer ?? this.#resource(pathname, token, body)
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(json))
  }

  #resource(path: string, token: string | undefined, body: string): [status: number, json: unknown] {
    const form = new URLSearchParams(body)
    if (path === '/anonymous-login') {
      const guest = { id: `anonymous_${++this.#serial}`, accessToken: '', refreshToken: '' }
      this.#guests.push(guest)
      return [200, this.#renew(guest)]
    }
    if (path === '/token') {
      const guest = this.#guests.find(({ refreshToken }) => refreshToken === form.get('refresh_token'))
      return guest ? [200, this.#renew(guest)] : [400, { error: 'invalid_grant' }]
    }
    if (path === '/me/export') return [200, {}]
    if (path === '/forbidden') return [401, { title: 'Unauthorized' }]
    if (path === '/revoke' || path === '/public-data') return [200, {}]
    const guest = token ? this.#guests.find(({ accessToken }) => accessToken === token) : undefined
    return guest ? [200, { visitor: guest.id }] : [401, { title: 'Unauthorized' }]
  }

  #renew(guest: Guest) {
    guest.accessToken = `access-${++this.#serial}`
    guest.refreshToken = `gpr_${this.#serial}`
    return {
      access_token: guest.accessToken,
      token_type: 'bearer',
      expires_in: 900,
      refresh_token: guest.refreshToken,
      anonymous_id: guest.id,
    }
  }
}
