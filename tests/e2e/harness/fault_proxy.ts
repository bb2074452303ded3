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

/** What happens to a request between the visitor and the server. */
export interface Fault {
  /** As a test's name tells it. */
  readonly name: string
  strike(exchange: Exchange): void | Promise<void>
}

/** A request that came by. */
export interface Passage {
  /** As in `POST /token`. */
  readonly request: string
  /** When it came, in milliseconds since the epoch. */
  readonly at: number
  /** The fault that struck it. */
  readonly fault: Fault | undefined
  /** What the server answered, whether or not the visitor was told; absent where it was not asked, or said nothing. */
  status?: number
}

/** A network in front of the server, which is on the origin of the page, and makes the faults that it is told to. */
export class FaultProxy implements AsyncDisposable {
  /** Every request, in the order that they came. */
  readonly passages: Passage[] = []
  readonly #listener: Server
  #orders: Order[] = []

  static async start(target: string): Promise<FaultProxy> {
    const listener = createServer()
    // A browser sends a request again by itself, whatever its method, when a connection that it has used before ends
    // without an answer. Faults would pass unnoticed.
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
      const passage: Passage = { request: what, at: Date.now(), fault }
      this.passages.push(passage)
      exchange.onAnswer = ({ status }) => {
        passage.status = status
      }
      try {
        await (fault ?? none).strike(exchange)
      } catch {
        // A server that does not answer is one more broken connection.
        exchange.cut()
      }
    })
  }

  /** Where the server seems to be. */
  get url(): string {
    return `http://127.0.0.1:${(this.#listener.address() as AddressInfo).port}`
  }

  /** Lets a fault strike the next so many requests, as in `POST /token`, after those that were ordered before. */
  order(request: string, fault: Fault, times = Number.POSITIVE_INFINITY): void {
    this.#orders.push({ request, fault, times })
  }

  /** From here on, everything passes. */
  heal(): void {
    this.#orders = []
  }

  /** The passages of such requests, as in `POST /token`. */
  passagesOf(request: string): Passage[] {
    return this.passages.filter((passage) => passage.request === request)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close()
    this.#listener.closeAllConnections()
    await once(this.#listener, 'close')
  }

  #due(request: string): Fault | undefined {
    const order = this.#orders.find((order) => order.request === request && order.times > 0)
    if (order) order.times -= 1
    return order?.fault
  }
}

/** One request, and what can be done with it. */
export class Exchange {
  onAnswer: (answer: Answer) => void = () => {}
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

  /** Has the server act, and resolves with all of its answer. */
  async ask(): Promise<Answer> {
    const { method, url, headers } = this.#request
    const outgoing = send(new URL(url ?? '/', this.#target), { method, headers, agent: false })
    outgoing.end(this.#body)
    const [incoming]: IncomingMessage[] = await once(outgoing, 'response')
    if (!incoming) throw new Error('there is no response in a response event')
    const { connection: _, 'transfer-encoding': __, ...end } = incoming.headers
    const answer = { status: incoming.statusCode ?? 0, headers: end, body: await buffer(incoming) }
    this.onAnswer(answer)
    return answer
  }

  answer({ status, headers, body }: Answer): void {
    this.#response.writeHead(status, headers).end(body)
  }

  /** Begins an answer and breaks off in the middle of its body. */
  async beginToAnswer({ status, headers, body }: Answer): Promise<void> {
    this.#response.writeHead(status, { ...headers, 'Content-Length': body.length })
    await new Promise((written) => this.#response.write(body.subarray(0, body.length / 2), written))
    this.cut()
  }

  /** Ends the connection. */
  cut(): void {
    this.#response.destroy()
  }

  /** Ends the connection as a machine does that knows nothing of it. */
  reset(): void {
    this.#request.socket.resetAndDestroy()
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders | OutgoingHttpHeaders
  readonly body: Buffer
}

interface Order {
  readonly request: string
  readonly fault: Fault
  times: number
}

const none: Fault = {
  name: 'nothing',
  strike: async (exchange) => exchange.answer(await exchange.ask()),
}
