// The faults that tests inject into the proxy.

import { EventEmitter, once } from 'node:events'
import type { Exchange, Fault, HttpResponse } from './fault_proxy.ts'

/** The server executes the request; the visitor does not receive the response. */
export const lost: Fault = {
  name: 'the response is lost',
  async apply(exchange) {
    await exchange.forward()
    exchange.cut()
  },
}

/** The server executes the request; the connection ends in the middle of the response. */
export const cutShort: Fault = {
  name: 'the connection ends in the middle of the response',
  async apply(exchange) {
    await exchange.respondInPart(await exchange.forward())
  },
}

/** The server executes the request; the visitor receives a complete response with half of the JSON. */
export const truncated: Fault = {
  name: 'the response is truncated JSON',
  async apply(exchange) {
    const { status, headers, body } = await exchange.forward()
    const half = body.subarray(0, body.length / 2)
    exchange.respond({ status, headers: { ...headers, 'content-length': half.length }, body: half })
  },
}

/** The server does not receive the request. */
export const reset: Fault = {
  name: 'the connection is reset before the server receives the request',
  apply: (exchange) => exchange.reset(),
}

/** The network responds with its sign-in page. */
export const captivePortal: Fault = {
  name: 'a captive portal responds with its page',
  apply: (exchange) => exchange.respond(html(200, '<!doctype html><title>Welcome to our Wi-Fi</title>')),
}

/** The network redirects to its sign-in page; here, to any page. */
export const captiveRedirect: Fault = {
  name: 'a captive portal redirects to its page',
  apply: (exchange) => exchange.respond(html(302, '', { Location: '/?portal' })),
}

/** The response of an overloaded server, or of a proxy whose server is not running. */
export const unavailable = errorResponse('503', 503)

/** The time that the following two responses ask the client to wait at least, in milliseconds. */
export const RETRY_AFTER = 2_000

export const limitedForSeconds = errorResponse('429 with Retry-After in seconds', 429, () =>
  String(RETRY_AFTER / 1_000),
)

/** An HTTP date has no fractions of a second. So one second is added. */
export const limitedUntilDate = errorResponse('429 with Retry-After as a date', 429, () =>
  new Date(Date.now() + RETRY_AFTER + 1_000).toUTCString(),
)

/** Holds requests back until `release`, and forwards them then. */
export class Hold implements Fault {
  readonly name = 'the server receives the request later'
  readonly #gate = new EventEmitter()
  readonly #released = once(this.#gate, 'release')

  async apply(exchange: Exchange): Promise<void> {
    await this.#released
    exchange.respond(await exchange.forward())
  }

  release(): void {
    this.#gate.emit('release')
  }
}

function errorResponse(name: string, status: number, retryAfter?: () => string): Fault {
  return {
    name,
    apply: (exchange) => exchange.respond(html(status, '', retryAfter ? { 'Retry-After': retryAfter() } : {})),
  }
}

function html(status: number, text: string, headers: Readonly<Record<string, string>> = {}): HttpResponse {
  return { status, headers: { 'Content-Type': 'text/html', ...headers }, body: Buffer.from(text) }
}
