import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { WebSocketServer } from 'ws'

/** A service on an origin of its own that streams to guests, whose tokens it has the server verify. */
export class StreamServer implements AsyncDisposable {
  /** What was asked for, preflights apart. */
  readonly urls: string[] = []
  readonly #guestpass: string
  readonly #server: Server
  readonly #sockets: WebSocketServer

  static async start(guestpass: string): Promise<StreamServer> {
    const streams = new StreamServer(guestpass)
    streams.#server.listen(0, '127.0.0.1')
    await once(streams.#server, 'listening')
    return streams
  }

  private constructor(guestpass: string) {
    this.#guestpass = guestpass
    this.#server = createServer((request, response) => void this.#news(request, response))
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

  /** Tells whose stream it is, and from where on; the first time, the connection breaks then. */
  async #news({ method, url, headers }: IncomingMessage, response: ServerResponse): Promise<void> {
    response.setHeader('Access-Control-Allow-Origin', headers.origin ?? '')
    response.setHeader('Access-Control-Allow-Headers', 'authorization, last-event-id')
    if (method === 'OPTIONS') return void response.writeHead(204).end()
    this.urls.push(url ?? '')
    const guest = await this.#guestOf(headers.authorization?.replace('Bearer ', ''))
    if (!guest) return void response.writeHead(401).end()
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
