// Attacks over HTTP: forged tokens, wrong requests, bad input. Each gets the right error, without internals of the server.
// The tests of the server (server/tests) check each rule in more ways, with a clock that they control.

import { Server } from 'guestpass-e2e/harness/server.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Attack, encode, Forger, type HttpResponse, login, send } from './attacks.ts'

let server: Server
let forger: Forger

beforeAll(async () => {
  server = await Server.start(['--refresh-grace', '0s'])
  forger = await Forger.of(server)
})

afterAll(() => server[Symbol.asyncDispose]())

const now = () => Math.floor(Date.now() / 1000)
const bearer = (token: string): Attack => ({ headers: [['Authorization', `Bearer ${token}`]] })

test('the forger can make valid tokens, so that each forgery fails for one reason', async () => {
  for (const token of [forger.tokens.access_token, forger.withHeader({}), forger.withClaims({ jti: 'another' })]) {
    expect(await send(server.url, bearer(token))).toMatchObject({ status: 200 })
  }
})

describe('a request without a bearer token gets a challenge without an error code (RFC 6750 §3.1)', () => {
  test.each<[string, Attack]>([
    ['no Authorization header', {}],
    ['another scheme', { headers: [['Authorization', 'Basic Z3Vlc3Q6Z3Vlc3Q=']] }],
    ['a token in a cookie', { headers: [['Cookie', 'access_token=a.b.c']] }],
  ])('%s', async (_, attack) => {
    const response = await send(server.url, attack)

    expectProblem(response, 401)
    expect(response.headers['www-authenticate']).toBe('Bearer realm="guestpass"')
  })
})

describe('a token that is sent in a wrong way is an invalid request (RFC 6750 §2, §3.1)', () => {
  test.each<[string, (good: string) => Attack]>([
    ['no token after the scheme', () => ({ headers: [['Authorization', 'Bearer']] })],
    ['two tokens in one header', (good) => bearer(`${good} ${good}`)],
    ['a quoted token', (good) => bearer(`"${good}"`)],
    ['an empty header', () => ({ headers: [['Authorization', '']] })],
    ['two headers', (good) => ({ headers: [...(bearer(good).headers ?? []), ...(bearer(good).headers ?? [])] })],
    ['in the query string', (good) => ({ path: `/me?access_token=${good}` })],
    ['in the query string and in the header', (good) => ({ ...bearer(good), path: `/me?access_token=${good}` })],
  ])('%s', async (_, attack) => {
    const response = await send(server.url, attack(forger.tokens.access_token))

    expectProblem(response, 400)
    expect(response.headers['www-authenticate']).toContain('error="invalid_request"')
  })
})

describe('S9 a token that is no valid access token of this server is refused (RFC 7515, 7519, 8725, 9068)', () => {
  test.each<[string, (forger: Forger) => string | Promise<string>]>([
    ['a text that is no JWT', () => 'gibberish'],
    ['alg none', (f) => `${encode(JSON.stringify({ ...f.header, alg: 'none' }))}.${part(f, 1)}.`],
    ['alg None', (f) => `${encode(JSON.stringify({ ...f.header, alg: 'None' }))}.${part(f, 1)}.`],
    ['alg nOnE, signed', (f) => f.withHeader({ alg: 'nOnE' })],
    ['no alg', (f) => f.withHeader({ alg: undefined })],
    ['HS256 with the public key as PEM', (f) => f.hmac(f.publicKey.export({ format: 'pem', type: 'spki' }))],
    ['HS256 with the public key as DER', (f) => f.hmac(f.publicKey.export({ format: 'der', type: 'spki' }))],
    ['HS256 with the public key as bytes', (f) => f.hmac(Buffer.from(jwk(f).x ?? '', 'base64url'))],
    ['HS256 with the public key as JWK', (f) => f.hmac(JSON.stringify(jwk(f)))],
    ['another algorithm than that of the key', (f) => f.withHeader({ alg: 'ES256' })],
    ['an embedded jwk', (f) => f.withHeader({ jwk: jwk(f) })],
    ['a jku', (f) => f.withHeader({ jku: 'http://127.0.0.1:9/jwks.json' })],
    ['an x5u', (f) => f.withHeader({ x5u: 'http://127.0.0.1:9/chain.pem' })],
    ['an x5c', (f) => f.withHeader({ x5c: ['MIIB'] })],
    ['an unknown kid', (f) => f.withHeader({ kid: 'nobody' })],
    ['no kid', (f) => f.withHeader({ kid: undefined })],
    ['a path as kid', (f) => f.withHeader({ kid: '../../../../dev/null' })],
    ['SQL as kid', (f) => f.withHeader({ kid: `${f.header.kid}' OR '1'='1` })],
    ['an unknown crit', (f) => f.withHeader({ crit: ['exp'], exp: 1 })],
    ['four parts', (f) => `${f.tokens.access_token}.${part(f, 2)}`],
    ['five parts', (f) => `${f.tokens.access_token}.${part(f, 2)}.${part(f, 2)}`],
    ['two parts', (f) => `${part(f, 0)}.${part(f, 1)}`],
    ['padded base64', (f) => `${f.tokens.access_token}==`],
    ['base64 that is not canonical', (f) => strayBits(f.tokens.access_token)],
    [
      'a signature over something else',
      (f) => `${part(f, 0)}.${encode(JSON.stringify({ ...f.claims, sub: 'x' }))}.${part(f, 2)}`,
    ],
    [
      'a claim twice',
      (f) => f.text(JSON.stringify(f.header), JSON.stringify(f.claims).replace('{', '{"sub":"anonymous_x",')),
    ],
    [
      'a header member twice',
      (f) => f.text(JSON.stringify(f.header).replace('{', '{"alg":"none",'), JSON.stringify(f.claims)),
    ],
    ['claims that are no object', (f) => f.text(JSON.stringify(f.header), JSON.stringify([f.claims]))],
    ['a date in words', (f) => f.withClaims({ exp: '2999-01-01T00:00:00Z' })],
    ['a date as text', (f) => f.withClaims({ exp: String(f.claims.exp) })],
    ['no exp', (f) => f.withClaims({ exp: undefined })],
    ['an expired token', (f) => f.withClaims({ exp: now() })],
    ['a future nbf', (f) => f.withClaims({ nbf: now() + 60 })],
    ['a future iat', (f) => f.withClaims({ iat: now() + 60 })],
    ['a wrong iss', (f) => f.withClaims({ iss: `${f.claims.iss}/` })],
    ['no iss', (f) => f.withClaims({ iss: undefined })],
    ['a wrong aud', (f) => f.withClaims({ aud: 'another-shop' })],
    ['no aud', (f) => f.withClaims({ aud: undefined })],
    ['a refresh token', (f) => f.tokens.refresh_token],
    ['an ID token', (f) => f.withHeader({ typ: 'JWT' })],
    ['no typ', (f) => f.withHeader({ typ: undefined })],
    ['a DPoP proof', (f) => f.withHeader({ typ: 'dpop+jwt' })],
    ['a token that is too long', (f) => f.withClaims({ jti: 'x'.repeat(8000) })],
    [
      'a token of another server',
      async () => {
        await using elsewhere = await Server.start()
        return (await login(elsewhere)).access_token
      },
    ],
    [
      'a revoked token',
      async () => {
        const { access_token } = await login(server)
        await server.revoke(access_token)
        return access_token
      },
    ],
  ])('%s', async (_, token) => {
    const response = await send(server.url, bearer(await token(forger)))

    expectProblem(response, 401)
    expect(response.headers['www-authenticate']).toMatch(
      /^Bearer realm="guestpass", error="invalid_token", error_description="[\x20-\x7e]+"$/,
    )
  })
})

describe('the token endpoint responds with the error codes of RFC 6749 §5.2', () => {
  const form = (body: string): Attack => ({
    method: 'POST',
    path: '/token',
    headers: [['Content-Type', 'application/x-www-form-urlencoded']],
    body,
  })
  const refresh = (token: string) => form(`grant_type=refresh_token&refresh_token=${encodeURIComponent(token)}`)

  test.each<[string, string, (forger: Forger) => Attack | Promise<Attack>]>([
    [
      'JSON',
      'invalid_request',
      () => ({ ...form('{"grant_type":"refresh_token"}'), headers: [['Content-Type', 'application/json']] }),
    ],
    [
      'parameters in the query string',
      'invalid_request',
      (f) => ({ ...form(''), path: `/token?${refresh(f.tokens.refresh_token).body}` }),
    ],
    ['no grant type', 'invalid_request', (f) => form(`refresh_token=${f.tokens.refresh_token}`)],
    ['no token', 'invalid_request', () => form('grant_type=refresh_token')],
    ['a token twice', 'invalid_request', (f) => form(`${refresh(f.tokens.refresh_token).body}&refresh_token=x`)],
    ['a body without end', 'invalid_request', () => refresh('x'.repeat(100_000))],
    ['a password', 'unsupported_grant_type', () => form('grant_type=password&username=guest&password=guest')],
    ['a code', 'unsupported_grant_type', () => form('grant_type=authorization_code&code=x')],
    ['credentials of a client', 'unsupported_grant_type', () => form('grant_type=client_credentials')],
    ['an access token', 'invalid_grant', (f) => refresh(f.tokens.access_token)],
    ['a refresh token with one bit changed', 'invalid_grant', (f) => refresh(flipped(f.tokens.refresh_token))],
    ['a refresh token cut short', 'invalid_grant', (f) => refresh(f.tokens.refresh_token.slice(0, -8))],
    [
      'a revoked refresh token',
      'invalid_grant',
      async () => {
        const { refresh_token } = await login(server)
        await server.revoke(refresh_token)
        return refresh(refresh_token)
      },
    ],
  ])('%s: %s', async (_, error, attack) => {
    const response = await send(server.url, await attack(forger))

    expectOAuthError(response, error)
  })

  test('S3 the reuse of a refresh token ends its session only', async () => {
    const [thief, other] = [await login(server), await login(server)]
    const rotated = await (await server.refresh(thief.refresh_token)).json()
    // The successor has arrived, so the parent is at its end.
    expect(await server.statusOfAccess(rotated.access_token)).toBe(200)

    expectOAuthError(await send(server.url, refresh(thief.refresh_token)), 'invalid_grant')

    expectOAuthError(await send(server.url, refresh(rotated.refresh_token)), 'invalid_grant')
    expect(await server.statusOfAccess(rotated.access_token)).toBe(401)
    expect(await server.statusOfAccess(other.access_token)).toBe(200)
    expect((await server.refresh(other.refresh_token)).status).toBe(200)
  })

  test.each(['x', 'gpr_x', 'a.b.c'])(
    'the revocation of a text that is no token succeeds, with any hint (RFC 7009 §2.2): %s',
    async (token) => {
      const attack = { ...form(`token=${token}&token_type_hint=password`), path: '/revoke' }

      expect(await send(server.url, attack)).toMatchObject({ status: 200, text: '' })
    },
  )
})

describe('S11 bad input gets a problem with a precise status (RFC 9457)', () => {
  const json = (body: string, method = 'POST'): Attack => ({
    method,
    path: '/me/cart/1',
    headers: [['Content-Type', 'application/json']],
    body,
  })

  test.each<[string, number, Attack]>([
    ['half of a JSON text', 400, json('{"add": {"quantity": 1')],
    ['two JSON texts', 400, json('{"add":{"quantity":1}}{}')],
    ['deeply nested JSON', 400, json(`{"x":${'['.repeat(10_000)}`)],
    ['JSON of another shape', 422, json('[1, 2]')],
    ['a number out of range', 422, json('{"quantity":1e300}', 'PUT')],
    ['a sum of a text', 422, json('{"add":{"quantity":"1"}}')],
    ['a key with control characters', 422, { ...json('{"quantity":1}', 'PUT'), path: '/me/cart/a%00b' }],
    [
      'a body of another type',
      415,
      { ...json('quantity=1'), headers: [['Content-Type', 'application/x-www-form-urlencoded']] },
    ],
    ['a body that is too long', 413, json(`{"x":"${'x'.repeat(200_000)}"}`)],
    ['an unknown collection', 404, { ...json('{}', 'PUT'), path: '/me/anonymous_user/1' }],
    ['SQL for a collection', 404, { method: 'DELETE', path: `/me/${encodeURIComponent("cart' OR '1'='1")}` }],
    ['SQL for a key', 404, { path: `/me/cart/${encodeURIComponent("1' OR '1'='1")}` }],
    ['an unknown path', 404, { path: '/%2e%2e/%2e%2e/etc/passwd' }],
    ['another method', 405, { method: 'POST', path: '/me/cart' }],
    [
      'an idempotency key that can be guessed',
      400,
      { method: 'POST', path: '/anonymous-login', headers: [['Idempotency-Key', '1']] },
    ],
  ])('%s: %i', async (_, status, attack) => {
    const headers = [...(attack.headers ?? []), ...(bearer(forger.tokens.access_token).headers ?? [])]

    const response = await send(server.url, { ...attack, headers })

    expectProblem(response, status)
    if (status === 405) expect(response.headers.allow).toBeTruthy()
  })
})

test('S11 after all attacks the server works, and has logged no error and no token', async () => {
  expect(await server.statusOfAccess(forger.tokens.access_token)).toBe(200)
  expect(server.stderr).not.toMatch(/ERROR|panicked/)
  expect(server.stderr).not.toContain(forger.tokens.access_token.split('.')[2])
})

function expectProblem(response: HttpResponse, status: number): void {
  expect(response, response.text).toMatchObject({ status, headers: { 'content-type': 'application/problem+json' } })
  const { status: inBody, detail } = JSON.parse(response.text)
  expect(inBody).toBe(status)
  expect(detail).toMatch(/\S/)
  expectNoInternals(response)
}

function expectOAuthError(response: HttpResponse, error: string): void {
  expect(response, response.text).toMatchObject({
    status: 400,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
  expect(JSON.parse(response.text).error).toBe(error)
  expectNoInternals(response)
}

function expectNoInternals({ text }: HttpResponse): void {
  expect(text).not.toMatch(/sql|\.rs\b|panic|thread|store|::/i)
}

function part({ tokens }: Forger, index: number): string {
  return tokens.access_token.split('.')[index] ?? ''
}

function jwk({ publicKey }: Forger): { x?: string } {
  return publicKey.export({ format: 'jwk' }) as { x?: string }
}

/** Changes the unused bits of the last character: the decoded bytes stay the same. */
function strayBits(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  const last = alphabet.indexOf(token.at(-1) ?? '')
  return token.slice(0, -1) + alphabet[last ^ 1]
}

/** The token with one bit changed in the middle. */
function flipped(token: string): string {
  const bytes = Buffer.from(token.slice('gpr_'.length), 'base64url')
  const middle = Math.floor(bytes.length / 2)
  bytes[middle] = (bytes[middle] ?? 0) ^ 1
  return `gpr_${bytes.toString('base64url')}`
}
