// The server works with a general OAuth client library, which checks each response against the RFCs.

import { Server } from 'guestpass-e2e/harness/server.ts'
import * as oauth from 'oauth4webapi'
import { expect, test } from 'vitest'
import { login } from './attacks.ts'

const SECRET = 'what-only-the-services-of-the-shop-know-0123456789'
const client: oauth.Client = { client_id: 'guestpass' }
// The tests use the server without the proxy that adds TLS.
const plain = { [oauth.allowInsecureRequests]: true }

/** A server, and its metadata as the client discovers it (RFC 8414). The issuer is the URL of the server. */
async function discover(...flags: string[]): Promise<{ server: Server; as: oauth.AuthorizationServer }> {
  const server = await Server.start(flags)
  await server.restart('--issuer', server.url)
  const issuer = new URL(server.url)
  const response = await oauth.discoveryRequest(issuer, { ...plain, algorithm: 'oauth2' })
  return { server, as: await oauth.processDiscoveryResponse(new URL(server.url), response) }
}

function resource(server: Server, accessToken: string): Promise<Response> {
  return oauth.protectedResourceRequest(accessToken, 'GET', new URL(`${server.url}/me`), undefined, null, plain)
}

async function refreshed(as: oauth.AuthorizationServer, refreshToken: string): Promise<oauth.TokenEndpointResponse> {
  const response = await oauth.refreshTokenGrantRequest(as, client, oauth.None(), refreshToken, plain)
  return oauth.processRefreshTokenResponse(as, client, response)
}

test('the client discovers the server, refreshes a token, uses it and revokes it', async () => {
  const { server, as } = await discover()
  await using _ = server
  const first = await login(server)

  const second = await refreshed(as, first.refresh_token)

  expect(second).toMatchObject({ token_type: 'bearer', expires_in: 900, anonymous_id: first.anonymous_id })
  expect(second.refresh_token).not.toBe(first.refresh_token)
  expect(await (await resource(server, second.access_token)).json()).toMatchObject({ id: first.anonymous_id })

  const revocation = await oauth.revocationRequest(as, client, oauth.None(), second.refresh_token ?? '', plain)
  await oauth.processRevocationResponse(revocation)

  await expect(refreshed(as, second.refresh_token ?? '')).rejects.toMatchObject({ error: 'invalid_grant', status: 400 })
  await expect(resource(server, second.access_token)).rejects.toMatchObject({
    status: 401,
    cause: [{ scheme: 'bearer', parameters: { realm: 'guestpass', error: 'invalid_token' } }],
  })
})

test.each(['EdDSA', 'ES256', 'RS256'])(
  'takes the access tokens for what RFC 9068 says they are: %s',
  async (algorithm) => {
    const { server, as } = await discover('--algorithm', algorithm)
    await using _ = server
    const { access_token, anonymous_id } = await login(server)
    const request = new Request(`${server.url}/me`, { headers: { Authorization: `Bearer ${access_token}` } })

    const claims = await oauth.validateJwtAccessToken(as, request, 'guestpass', plain)

    expect(claims).toMatchObject({ sub: anonymous_id, client_id: 'guestpass', iss: server.url })
  },
)

test('the client can introspect tokens with the introspection secret only', async () => {
  const { server, as } = await discover('--introspection-secret', SECRET)
  await using _ = server
  const { access_token, anonymous_id } = await login(server)
  const introspect = async (secret: string) => {
    const proof = oauth.ClientSecretBasic(secret)
    const response = await oauth.introspectionRequest(as, client, proof, access_token, plain)
    return oauth.processIntrospectionResponse(as, client, response)
  }

  expect(await introspect(SECRET)).toMatchObject({ active: true, sub: anonymous_id, client_id: 'guestpass' })
  await expect(introspect(`${SECRET}0`)).rejects.toMatchObject({ status: 401 })

  await server.revoke(access_token)
  expect(await introspect(SECRET)).toEqual({ active: false })
})
