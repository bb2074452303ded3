// An HTTP proxy in front of the server that records all requests, and into which tests inject faults.

import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
  request as send,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

/** A failure of the network or of the server, for one request. */
export interface Fault {
  /** For the names of tests. */
  readonly name: string
  apply(exchange: Exchange): void | Promise<void>
}

/** A request that the proxy has received. */
export interface ProxiedRequest {
  /** Method and path, such as `POST /token`. */
  readonly request: string
  /** When the proxy received it, in milliseconds since the epoch. */
  readonly at: number
  /** The fault that was applied. */
  readonly fault: Fault | undefined
  /** The status of the response of the server, even if the visitor did not receive it. Absent if there was no response. */
  status?: number
}

/** A proxy between the visitors and the server. Visitors load the page from it, too. */
export class FaultProxy implements AsyncDisposable {
  /** All requests, in the order in which the proxy received them. */
  readonly requests: ProxiedRequest[] = []
  readonly #listener: Server
  #faults: InjectedFault[] = []

  static async start(target: string): Promise<FaultProxy> {
    const listener = createServer()
    // When a connection that was used before ends without a response, browsers send the request again by themselves, whatever
    // its method. The page would not notice the fault.
    listener.maxRequestsPerSocket = 1
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    return new FaultProxy(listener, target)
  }

  private constructor(listener: Server, target: string) {
    this.#listener = listener
    listener.on('request', async (request, response) => {
      const body = await buffer(request).catch(() => null)
      if (body === null) return
      const exchange = new Exchange(target, request, body, response)
      const what = `${request.method} ${request.url}`
      const fault = this.#due(what)
      const received: ProxiedRequest = { request: what, at: Date.now(), fault }
      this.requests.push(received)
      exchange.onResponse = ({ status }) => {
        received.status = status
      }
      try {
        await (fault ?? none).apply(exchange)
      } catch {
        // The server does not respond: the visitor gets a broken connection.
        exchange.cut()
      }
    })
  }

  /** The origin at which visitors reach the server. */
  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`
  }

  /**
   * Applies a fault to the next `times` requests such as `POST /token`. Faults that were injected before for the same
   * requests come first.
   */
  inject(request: string, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.#faults.push({ request, fault, times })
  }

  /** Removes all injected faults. */
  removeFaults(): void {
    this.#faults = []
  }

  /** The requests of one kind, such as `POST /token`. */
  requestsOf(request: string): ProxiedRequest[] {
    return this.requests.filter((received) => received.request === request)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close()
    this.#listener.closeAllConnections()
    await once(this.#listener, 'close')
  }

  #due(request: string): Fault | undefined {
    const injected = this.#faults.find((injected) => injected.request === request && injected.times > 0)
    if (injected) injected.times -= 1
    return injected?.fault
  }
}

/** One request with its response. Faults decide what is forwarded. */
export class Exchange {
  /** Called with the response of the server. */
  onResponse: (response: HttpResponse) => void = () => {}
  readonly #target: string
  readonly #request: IncomingMessage
  readonly #body: Buffer
  readonly #response: ServerResponse

  constructor(target: string, request: IncomingMessage, body: Buffer, response: ServerResponse) {
    this.#target = target
    this.#request = request
    this.#body = body
    this.#response = response
  }

  /** Forwards the request to the server, and resolves with the whole response. */
  async forward(): Promise<HttpResponse> {
    const { method, url, headers } = this.#request
    const outgoing = send(new URL(url ?? '/', this.#target), { method, headers, agent: false })
    outgoing.end(this.#body)
    const [incoming]: IncomingMessage[] = await once(outgoing, 'response')
    if (!incoming) throw new Error('there is no response in a response event')
    const { connection: _, 'transfer-encoding': __, ...end } = incoming.headers
    const response = { status: incoming.statusCode ?? 0, headers: end, body: await buffer(incoming) }
    this.onResponse(response)
    return response
  }

  /** Sends a response to the visitor. */
  respond({ status, headers, body }: HttpResponse): void {
    this.#response.writeHead(status, headers).end(body)
  }

  /** Sends the head and half of the body of a response to the visitor, and ends the connection. */
  async respondInPart({ status, headers, body }: HttpResponse): Promise<void> {
    this.#response.writeHead(status, { ...headers, 'Content-Length': body.length })
    await new Promise((written) => this.#response.write(body.subarray(0, body.length / 2), written))
    this.cut()
  }

  /** Ends the connection. */
  cut(): void {
    this.#response.destroy()
  }

  /** Resets the connection (TCP RST). */
  reset(): void {
    this.#request.socket.resetAndDestroy()
  }
}

/** A response of the server, or one that a fault makes up. */
export interface HttpResponse {
  readonly status: number
  readonly headers: IncomingHttpHeaders | OutgoingHttpHeaders
  readonly body: Buffer
}

interface InjectedFault {
  readonly request: string
  readonly fault: Fault
  /** How many requests are left. */
  times: number
}

const none: Fault = {
  name: 'nothing',
  apply: async (exchange) => exchange.respond(await exchange.forward()),
}
