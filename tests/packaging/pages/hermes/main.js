// A session in Hermes: a guest, a refresh, a restart with an asynchronous storage as that of React Native, a sign-out.

import './globals.js'
import { createSession } from 'guestpass/javascript'

const requests = []
let tokens = 0
globalThis.send = async (url, { method, headers, body } = {}) => {
  const token = new Headers(headers).get('authorization')
  requests.push(
    [method ?? 'GET', url.replace('https://shop.example', ''), token, body && String(body)].filter(Boolean).join(' '),
  )
  if (url.endsWith('/items')) return new Response(JSON.stringify({ name: 'tea, crème brûlée, 茶' }), { status: 200 })
  tokens += 1
  const tokenResponse = {
    ...{ access_token: `access-${tokens}`, token_type: 'bearer', expires_in: 900 },
    ...{ refresh_token: `gpr_${tokens}`, anonymous_id: 'anonymous_1' },
  }
  return new Response(JSON.stringify(tokenResponse))
}

const stored = {}
const storage = {
  get: async (key) => stored[key],
  set: async (key, text) => {
    stored[key] = text
  },
}

async function run() {
  const open = () => createSession({ baseUrl: 'https://shop.example', storage })
  const session = open()
  const { name } = await (await session.fetch('/items')).json()
  session.expire()
  await session.token()
  const { status, id } = session.getSnapshot()
  session.close()
  const again = open()
  await again.start()
  const restarted = again.getSnapshot().id
  // Longer than a page of the memory, which grows.
  const member = await again
    .register({ email: 'ada@shop.example', password: 'ü'.repeat(200000) })
    .catch(({ code }) => code)
  await again.signOut()
  again.close()
  return {
    name,
    status,
    id,
    restarted,
    member: typeof member,
    wasm: typeof WebAssembly,
    requests: requests.map((line) => line.slice(0, 80)),
  }
}

run().then(
  (result) => print(JSON.stringify(result)),
  (error) => print(`failed: ${error.code} ${error.stack}`),
)
