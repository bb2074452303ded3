import { EventEmitter, once } from 'node:events'
import type { Answer, Exchange, Fault } from './fault_proxy.ts'

/** The server acts, and nobody hears of it. */
export const lost: Fault = {
  name: 'the answer is lost after the server has acted',
  async strike(exchange) {
    await exchange.ask()
    exchange.cut()
  },
}

/** The server acts, and the connection breaks in the middle of its answer. */
export const cutShort: Fault = {
  name: 'the answer is cut short',
  async strike(exchange) {
    await exchange.beginToAnswer(await exchange.ask())
  },
}

/** The server acts, and something on the way ends the JSON early, as if that were all of it. */
export const truncated: Fault = {
  name: 'the answer is truncated JSON',
  async strike(exchange) {
    const { status, headers, body } = await exchange.ask()
    const half = body.subarray(0, body.length / 2)
    exchange.answer({ status, headers: { ...headers, 'content-length': half.length }, body: half })
  },
}

/** The request does not come to the server. */
export const reset: Fault = {
  name: 'the connection is reset before the server is asked',
  strike: (exchange) => exchange.reset(),
}

/** The sign-in page of a network, in the place of the answer. */
export const captivePortal: Fault = {
  name: 'a captive portal answers with its page',
  strike: (exchange) => exchange.answer(html(200, '<!doctype html><title>Welcome to our Wi-Fi</title>')),
}

/** The way to the sign-in page of a network: here, any page. */
export const captiveRedirect: Fault = {
  name: 'a captive portal redirects to its page',
  strike: (exchange) => exchange.answer(html(302, '', { Location: '/?portal' })),
}

/** A server that is overloaded, or what stands before it when it is away. */
export const unavailable = refusal('503', 503)

/** The least that both of the following ask to wait, in milliseconds. */
export const RETRY_AFTER = 2_000

export const limitedForSeconds = refusal('429 with Retry-After in seconds', 429, () => String(RETRY_AFTER / 1_000))

/** A date tells no parts of a second: up to one is lost. */
export const limitedUntilDate = refusal('429 with Retry-After as a date', 429, () =>
  new Date(Date.now() + RETRY_AFTER + 1_000).toUTCString(),
)

/** Keeps requests from the server until they are let go. */
export class Hold implements Fault {
  readonly name = 'the server is asked later'
  readonly #gate = new EventEmitter()
  readonly #released = once(this.#gate, 'release')

  async strike(exchange: Exchange): Promise<void> {
    await this.#released
    exchange.answer(await exchange.ask())
  }

  release(): void {
    this.#gate.emit('release')
  }
}

function refusal(name: string, status: number, retryAfter?: () => string): Fault {
  return {
    name,
    strike: (exchange) => exchange.answer(html(status, '', retryAfter ? { 'Retry-After': retryAfter() } : {})),
  }
}

function html(status: number, text: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'Content-Type': 'text/html', ...headers }, body: Buffer.from(text) }
}
