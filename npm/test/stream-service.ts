import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTestServer, type TestServer } from '../src/testing/index.js'
import type { Session } from '../src/types.js'

export const FIRST = 'anonymous_00000000-0000-4000-8000-000000000001'
export const SECOND = 'anonymous_00000000-0000-4000-8000-000000000002'
export const ADA = { email: 'ada@example.com', password: 'correct horse' }

/** An HTTP server that verifies tokens with the test server of `guestpass/testing`, and a session that may send it tokens. */
export class StreamService implements AsyncDisposable {
  readonly http: Server
  readonly origin: string
  readonly issuer: TestServer
  readonly session: Session

  static async listen(): Promise<StreamService> {
    const http = createServer().listen(0, '127.0.0.1')
    await once(http, 'listening')
    return new StreamService(http)
  }

  private constructor(http: Server) {
    this.http = http
    this.origin = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
    this.issuer = createTestServer()
    this.session = this.issuer.createSession({ allowedOrigins: [this.origin] })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.issuer.uninstall()
    this.http.closeAllConnections()
    await new Promise((resolve) => this.http.close(resolve))
  }

  /** The subject of a token, which a service reads from `/me`. */
  async bearerOf(token: string | undefined): Promise<string | undefined> {
    const headers = { Authorization: `Bearer ${token}` }
    const response = await this.issuer.fetch(`${this.issuer.origin}/me`, { headers })
    return response.ok ? (await response.json()).id : undefined
  }
}
