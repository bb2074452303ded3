// Raw requests, and tokens made with the private key of the server.

import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { request } from 'node:http'
import type { Server } from 'guestpass-e2e/harness/server.ts'

/** A request that is sent as it is: with repeated headers if given, and without further headers except `Host` and the length. */
export interface Attack {
  readonly method?: string
  readonly path?: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

export function send(url: string, { method = 'GET', path = '/me', headers = [], body }: Attack): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const flat = headers.flat()
    if (body !== undefined) flat.push('Content-Length', String(Buffer.byteLength(body)))
    const outgoing = request(url + path, { method, headers: ['Host', new URL(url).host, ...flat], agent: false })
    outgoing.once('error', reject)
    outgoing.once('response', (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
    outgoing.end(body)
  })
}

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly anonymous_id: string
}

export async function login(server: Server): Promise<Tokens> {
  const response = await fetch(`${server.url}/anonymous-login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ refresh: true }),
  })
  return response.json()
}

/** Makes tokens with the private key of the server, which it reads from the database. */
export class Forger {
  readonly tokens: Tokens
  readonly header: Readonly<Record<string, unknown>>
  readonly claims: Readonly<Record<string, unknown>>
  readonly publicKey: KeyObject
  readonly #key: KeyObject

  static async of(server: Server): Promise<Forger> {
    const tokens = await login(server)
    const [key] = await server.query<{ material: string }>('SELECT hex(material) AS material FROM signing_key')
    return new Forger(tokens, Buffer.from(key?.material ?? '', 'hex'))
  }

  private constructor(tokens: Tokens, material: Buffer) {
    this.tokens = tokens
    // The key is in the form of RFC 8410 §7 with the public key at the end, which OpenSSL does not read. The private key is at a
    // fixed offset.
    const d = material.subarray(16, 48).toString('base64url')
    const x = material.subarray(-32).toString('base64url')
    this.#key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x }, format: 'jwk' })
    this.publicKey = createPublicKey(this.#key)
    const [header = '', claims = ''] = tokens.access_token.split('.')
    this.header = JSON.parse(Buffer.from(header, 'base64url').toString())
    this.claims = JSON.parse(Buffer.from(claims, 'base64url').toString())
  }

  /** A token with any texts as header and claims, with a valid signature. */
  text(header: string, claims: string): string {
    const message = `${encode(header)}.${encode(claims)}`
    return `${message}.${sign(null, Buffer.from(message), this.#key).toString('base64url')}`
  }

  /** A valid token with changed members of the header; undefined removes a member. */
  withHeader(changes: object): string {
    return this.text(JSON.stringify({ ...this.header, ...changes }), JSON.stringify(this.claims))
  }

  /** A valid token with changed claims; undefined removes a claim. */
  withClaims(changes: object): string {
    return this.text(JSON.stringify(this.header), JSON.stringify({ ...this.claims, ...changes }))
  }

  /** A valid token with an HMAC instead of the signature. */
  hmac(secret: string | Buffer): string {
    const message = `${encode(JSON.stringify({ ...this.header, alg: 'HS256' }))}.${encode(JSON.stringify(this.claims))}`
    return `${message}.${createHmac('sha256', secret).update(message).digest('base64url')}`
  }
}

export function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}
