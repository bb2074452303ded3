import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** A TCP proxy that can stop forwarding: its connections stay open, and nothing passes in either direction. */
export class FreezingProxy implements AsyncDisposable {
  readonly origin: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  /** @param target - the origin of the server behind the proxy. */
  static async listen(target: string): Promise<FreezingProxy> {
    const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new FreezingProxy(server, Number(new URL(target).port))
  }

  private constructor(server: Server, port: number) {
    this.#server = server
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    server.on('connection', (client) => {
      const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        this.#sockets.add(from)
        from.pipe(to)
        from.on('error', () => {})
        from.on('close', () => this.#sockets.delete(from))
      }
    })
  }

  /** Freezes all open connections. Later ones pass. */
  freeze(): void {
    for (const socket of this.#sockets) socket.unpipe().pause()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
