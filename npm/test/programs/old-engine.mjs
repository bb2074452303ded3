// Runs a session with the built package, without what old engines lack. Prints what happened.

// Modules of Node use newer APIs while they are loaded.
import axios from 'axios'
import { httpFetch } from './http-fetch.mjs'
import { removed } from './newer-apis.mjs'

const [origin] = process.argv.slice(2)
const load = (entry) => import(new URL(`../../dist/${entry}`, import.meta.url).href)
const { createSession } = await load('index.node.js')
const { attachSession } = await load('axios.js')
const { eventStream } = await load('streams/index.js')
globalThis.fetch = (input, init) => (String(input).endsWith('/news') ? news() : httpFetch(input, init))

const session = createSession({ baseUrl: origin, storage: 'memory', allowedOrigins: ['https://other.example'] })
const events = []
session.onEvent(({ type }) => events.push(type))
const { signal } = new AbortController()
const first = await (await session.fetch('/items/')).json()
session.expire()
const renewed = await (await session.fetch(new Request(`${origin}/items/`), { signal })).json()

const api = axios.create({ baseURL: origin })
attachSession(api, session)
const { data } = await api.get('/items/')

const read = []
for await (const event of eventStream(session, '/news', { signal })) {
  read.push(event.data)
  break
}
await session.signOut()
session.close()
console.log(JSON.stringify({ removed, first, renewed, axios: data, news: read, events }))

async function news() {
  const start = (stream) => stream.enqueue(new TextEncoder().encode('data: tea\n\n'))
  return new Response(new ReadableStream({ start }), { headers: { 'Content-Type': 'text/event-stream' } })
}
