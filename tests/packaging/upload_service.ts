// The service to which the page axios-upload uploads.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A service on its own origin to which guests upload files. It refuses the first token that it gets with 401, as if the token had expired. */
export class UploadService implements AsyncDisposable {
  /** The paths of all requests except preflights. */
  readonly urls: string[] = []
  readonly #guestpass: string
  #refused: string | undefined
  readonly #server: Server

  /** @param guestpass - the URL of the server that verifies the tokens. */
  static async start(guestpass: string): Promise<UploadService> {
    const service = new UploadService(guestpass)
    service.#server.listen(0, '127.0.0.1')
    await once(service.#server, 'listening')
    return service
  }

  private constructor(guestpass: string) {
    this.#guestpass = guestpass
    this.#server = createServer((request, response) => void this.#respond(request, response))
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '', headers } = request
    response.setHeader('Access-Control-Allow-Origin', headers.origin ?? '')
    response.setHeader('Access-Control-Allow-Headers', 'authorization')
    if (method === 'OPTIONS') return void response.writeHead(204).end()
    let size = 0
    for await (const chunk of request) size += chunk.length
    this.urls.push(url)
    const token = headers.authorization?.replace('Bearer ', '')
    const guest = await this.#guestOf(token)
    this.#refused ??= token
    if (!guest || token === this.#refused) response.writeHead(401).end()
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ guest, size }))
  }

  async #guestOf(token: string | undefined): Promise<string | undefined> {
    const response = await fetch(`${this.#guestpass}/me`, { headers: { Authorization: `Bearer ${token}` } })
    return response.ok ? (await response.json()).id : undefined
  }
}
