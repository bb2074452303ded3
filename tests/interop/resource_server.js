// A service on another origin that accepts the access tokens of guests. It verifies them with the public keys of the server.

import { createServer } from 'node:http'
import process from 'node:process'
import { createRemoteJWKSet, errors, jwtVerify } from 'jose'

const { JWKS_URL = '', ISSUER = '', AUDIENCE = '' } = process.env
const keys = createRemoteJWKSet(new URL(JWKS_URL))
const expected = {
  issuer: ISSUER,
  audience: AUDIENCE,
  typ: 'at+jwt',
  // Not HS256: its key verifies and signs.
  algorithms: ['EdDSA', 'ES256', 'RS256'],
}

const server = createServer(async (request, response) => {
  const token = request.headers.authorization?.replace(/^Bearer /i, '') ?? ''
  try {
    const { payload } = await jwtVerify(token, keys, expected)
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify({ sub: payload.sub }))
  } catch (error) {
    if (!(error instanceof errors.JOSEError)) throw error
    response.writeHead(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }).end(error.code)
  }
})

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address && typeof address === 'object') console.log(`listening on http://127.0.0.1:${address.port}`)
})
