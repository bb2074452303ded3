import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request that the server has received. */
export interface Seen {
  readonly path: string
  readonly token: string | undefined
  readonly body: string
}

interface Guest {
  readonly id: string
  accessToken: string
  refreshToken: string
}

/** A small HTTP server with the endpoints of Guestpass. It records the requests. */
export class GuestServer implements AsyncDisposable {
  readonly seen: Seen[] = []
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
    if (pathname === '/elsewhere') {
      response.writeHead(307, { location: searchParams.get('to') ?? '/' }).end()
      return
    }
    const [status, json] = this.#resource(pathname, token, body)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(json))
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
