// Services verify access tokens with common libraries and the public keys of the server.

import { Server } from 'guestpass-e2e/harness/server.ts'
import * as jose from 'jose'
import { describe, expect, test } from 'vitest'
import { ISSUER, ResourceServer } from './resource_servers.ts'

const SERVICES = [
  { service: 'FastAPI with PyJWT', start: ResourceServer.inPython },
  { service: 'Node with jose', start: ResourceServer.inNode },
]
const ALGORITHMS = ['EdDSA', 'ES256', 'RS256']

describe.each(SERVICES)('$service', ({ start }) => {
  test.each(ALGORITHMS)(
    'identifies the guest by the public key only, and refuses forged and expired tokens: %s',
    async (algorithm) => {
      await using server = await Server.start(flags(algorithm))
      await using service = await start(server)
      const lasting = await login(server, { refresh: true })
      const classic = await login(server, {})
      await server.restart('--access-ttl', '2s')
      const short = await login(server, { refresh: true })

      expect(await service.whoami(lasting.access_token)).toBe(lasting.anonymous_id)
      // It lives for 30 days, and the service would not learn of its revocation.
      expect(await service.whoami(classic.access_token), 'a token without refresh').toBe(401)

      for (const [name, token] of Object.entries(await forgeries(lasting.access_token, algorithm))) {
        expect(await service.whoami(token), name).toBe(401)
      }
      await expect.poll(() => service.whoami(short.access_token)).toBe(401)
      expect(await service.whoami(lasting.access_token), 'the token that has not expired').toBe(lasting.anonymous_id)
    },
  )

  test.each(ALGORITHMS)('refuses a token of the same key for another audience: %s', async (algorithm) => {
    await using server = await Server.start(flags(algorithm))
    await using service = await start(server)
    const valid = await login(server, { refresh: true })
    await server.restart('--audience', 'another-shop')
    const other = await login(server, { refresh: true })

    expect(await service.whoami(valid.access_token)).toBe(valid.anonymous_id)
    expect(jose.decodeProtectedHeader(other.access_token)).toEqual(jose.decodeProtectedHeader(valid.access_token))
    expect(await service.whoami(other.access_token)).toBe(401)
  })
})

/** Forged tokens with the claims of `token`, or with further claims. */
async function forgeries(token: string, algorithm: string): Promise<Record<string, string>> {
  const [header = '', , signature = ''] = token.split('.')
  const { kid = '', ...rest } = jose.decodeProtectedHeader(token)
  const claims = jose.decodeJwt(token)
  const forger = await jose.generateKeyPair(algorithm)
  const sign = (header: object, key: jose.CryptoKey | Uint8Array) =>
    new jose.SignJWT(claims).setProtectedHeader(header as jose.JWTHeaderParameters).sign(key)
  const otherClaims = jose.base64url.encode(JSON.stringify({ ...claims, sub: `anonymous_${crypto.randomUUID()}` }))
  await using elsewhere = await Server.start(flags(algorithm))
  return {
    'other claims under the same signature': `${header}.${otherClaims}.${signature}`,
    'no signature': `${jose.base64url.encode(JSON.stringify({ ...rest, kid, alg: 'none' }))}.${token.split('.')[1]}.`,
    "the forger's key under the server's name for its own": await sign({ ...rest, kid }, forger.privateKey),
    "the forger's key, which the token brings along": await sign(
      { ...rest, kid, jwk: await jose.exportJWK(forger.publicKey) },
      forger.privateKey,
    ),
    'an unknown key': await sign({ ...rest, kid: 'nobody' }, forger.privateKey),
    'HS256 with a secret': await sign({ ...rest, kid, alg: 'HS256' }, new TextEncoder().encode(kid.padEnd(32, kid))),
    'another server of the same name': (await login(elsewhere, { refresh: true })).access_token,
  }
}

function flags(algorithm: string): string[] {
  return ['--issuer', ISSUER, '--algorithm', algorithm]
}

async function login(server: Server, body: object): Promise<{ access_token: string; anonymous_id: string }> {
  const response = await fetch(`${server.url}/anonymous-login`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  })
  return response.json()
}
