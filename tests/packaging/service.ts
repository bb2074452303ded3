import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

/** A service on an origin of its own that streams to guests, or takes what they upload. It has the server verify their tokens. */
export class Service implements AsyncDisposable {
  /** What was asked for, preflights apart. */
  readonly urls: string[] = []
  readonly #guestpass: string
  #refused: string | undefined
  readonly #server: Server
  readonly #sockets: WebSocketServer

  static async start(guestpass: string): Promise<Service> {
    const service = new Service(guestpass)
    service.#server.listen(0, '127.0.0.1')
    await once(service.#server, 'listening')
    return service
  }

  private constructor(guestpass: string) {
    this.#guestpass = guestpass
    this.#server = createServer((request, response) => void this.#answer(request, response))
    this.#sockets = new WebSocketServer({ server: this.#server, handleProtocols: () => 'shop.v1' })
    this.#sockets.on('connection', async (socket, { url, headers }) => {
      this.urls.push(url ?? '')
      const offered = headers['sec-websocket-protocol']?.split(/, */) ?? []
      const token = offered.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length)
      const guest = await this.#guestOf(token)
      if (guest) socket.send(guest)
      else socket.close(3000)
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate()
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '', headers } = request
    response.setHeader('Access-Control-Allow-Origin', headers.origin ?? '')
    response.setHeader('Access-Control-Allow-Headers', 'authorization, last-event-id')
    if (method === 'OPTIONS') return void response.writeHead(204).end()
    let size = 0
    for await (const chunk of request) size += chunk.length
    this.urls.push(url)
    const token = headers.authorization?.replace('Bearer ', '')
    const guest = await this.#guestOf(token)
    if (url === '/upload') {
      // As if keys had changed: the first token that comes is refused.
      this.#refused ??= token
      if (!guest || token === this.#refused) response.writeHead(401).end()
      else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ guest, size }))
    } else if (!guest) response.writeHead(401).end()
    else this.#news(guest, headers, response)
  }

  /** Tells whose stream it is, and from where on; the first time, the connection breaks then. */
  #news(guest: string, headers: IncomingMessage['headers'], response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const since = headers['last-event-id']
    if (since) response.write(`data: ${guest} since ${since}\n\n`)
    else response.end(`retry: 10\nid: 1\ndata: ${guest}\n\n`)
  }

  async #guestOf(token: string | undefined): Promise<string | undefined> {
    const answer = await fetch(`${this.#guestpass}/me`, { headers: { Authorization: `Bearer ${token}` } })
    return answer.ok ? (await answer.json()).id : undefined
  }
}
