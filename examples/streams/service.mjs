// A service with news and a chat for guests of Guestpass. It verifies their tokens with the public keys of the server.

import { createServer } from 'node:http'
import process from 'node:process'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { WebSocketServer } from 'ws'

const {
  GUESTPASS = 'http://127.0.0.1:8000',
  ISSUER = 'http://localhost:8000',
  PAGE = 'http://localhost:5173',
  PORT = '3000',
} = process.env

const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', GUESTPASS))
const expected = { issuer: ISSUER, audience: 'guestpass', typ: 'at+jwt', algorithms: ['EdDSA', 'ES256', 'RS256'] }

/** The id of the guest to whom the token was issued; undefined when the token is missing or not valid. */
async function guestOf(token = '') {
  const { payload } = await jwtVerify(token, keys, expected).catch(() => ({ payload: {} }))
  return payload.sub
}

const server = createServer(async (request, response) => {
  console.log(request.method, request.url)
  response.setHeader('Access-Control-Allow-Origin', PAGE)
  response.setHeader('Access-Control-Allow-Headers', 'authorization, last-event-id')
  if (request.method === 'OPTIONS') return response.writeHead(204).end()
  const guest = await guestOf(request.headers.authorization?.replace(/^Bearer /i, ''))
  if (!guest) return response.writeHead(401, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }).end()
  if (request.url !== '/news') return response.writeHead(404).end()

  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
  // After a broken connection, the news go on where they stopped.
  let last = Number(request.headers['last-event-id'] ?? 0)
  const send = () => {
    last += 1
    response.write(`id: ${last}\ndata: number ${last} for ${guest}\n\n`)
  }
  send()
  const timer = setInterval(send, 1000)
  response.on('close', () => clearInterval(timer))
})

const chat = new WebSocketServer({ noServer: true, handleProtocols: () => 'shop.v1' })

// A page cannot add headers to a WebSocket: the token is one of the subprotocols that the page offers.
server.on('upgrade', async (request, socket, head) => {
  console.log('WebSocket', request.url)
  const offered = request.headers['sec-websocket-protocol']?.split(/, */) ?? []
  const guest = await guestOf(offered.find((name) => name.startsWith('bearer.'))?.slice('bearer.'.length))
  if (!guest || request.headers.origin !== PAGE) return socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n')
  chat.handleUpgrade(request, socket, head, (client) => {
    client.on('message', (text) => {
      for (const each of chat.clients) each.send(`${guest}: ${text}`)
    })
  })
})

server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
