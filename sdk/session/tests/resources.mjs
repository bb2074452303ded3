// The resource servers that the browser tests call: one program, reached as 127.0.0.1 and as localhost, which are two
// origins. It echoes requests, redirects, and responds with 401.
//
//   node sdk/session/tests/resources.mjs [PORT]      prints `listening on http://127.0.0.1:PORT` once it does
//
// ANY /echo?status=401        responds with the request: {method, path, headers, body}
// ANY /redirect?status=&to=   redirects
// ANY /refuse-once?key=       responds with 401 to the first request with this key, then like /echo. `challenge=` is for
//                             WWW-Authenticate
// ANY /late?key=              responds after a request to /release with this key
// GET /release?key=           makes /late respond
// GET /sent?key=              the list of requests to /refuse-once and /late with this key
// ANY /never/…                never responds

import { createServer } from 'node:http'

const sent = new Map()
const late = new Map()

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://resources.example')
  const key = url.searchParams.get('key')
  response.setHeader('Access-Control-Allow-Origin', '*')
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST, PUT, DELETE')
  response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type, Idempotency-Key, X-Kept')
  if (request.method === 'OPTIONS') return response.writeHead(204).end()

  const seen = await read(request)
  if (url.pathname.startsWith('/never/')) return
  switch (url.pathname) {
    case '/echo':
      return respond(response, Number(url.searchParams.get('status') ?? 200), seen)
    case '/redirect':
      return response.writeHead(Number(url.searchParams.get('status')), { Location: url.searchParams.get('to') }).end()
    case '/refuse-once':
      if (url.searchParams.has('challenge')) {
        response.setHeader('WWW-Authenticate', url.searchParams.get('challenge'))
        response.setHeader('Access-Control-Expose-Headers', 'WWW-Authenticate')
      }
      return respond(response, note(key, seen) === 1 ? 401 : 200, seen)
    case '/late':
      note(key, seen)
      return late.set(key, () => respond(response, 200, seen))
    case '/release':
      late.get(key)?.()
      return respond(response, 200, null)
    case '/sent':
      return respond(response, 200, sent.get(key) ?? [])
    default:
      return respond(response, 404, seen)
  }
})

async function read(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  const body = Buffer.concat(chunks).toString('utf8')
  return { method: request.method, path: request.url, headers: request.headers, body }
}

/** Notes what was sent with a key, and returns how often that was. */
function note(key, seen) {
  const all = [...(sent.get(key) ?? []), seen]
  sent.set(key, all)
  return all.length
}

function respond(response, status, body) {
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body))
}

server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}`)
})
