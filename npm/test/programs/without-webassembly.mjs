// Runs sessions with the built package. Prints their guests.

import { httpFetch } from './http-fetch.mjs'

const [origin, ...entries] = process.argv.slice(2)
// Node's `Response` and `Headers` end the process where its own `fetch` finds no WebAssembly.
globalThis.WebAssembly = { compile: () => new Promise(() => {}) }
new Response()
delete globalThis.WebAssembly
globalThis.fetch = httpFetch
const guests = {}
for (const entry of entries) {
  const { createSession } = await import(new URL(`../../dist/${entry}`, import.meta.url).href)
  const session = createSession({ baseUrl: origin, storage: 'memory' })
  const first = await (await session.fetch('/items/')).json()
  // Longer than a page of the memory, which grows.
  await session.register({ email: 'ada@shop.example', password: 'ü'.repeat(100_000) }).catch(() => {})
  session.expire()
  const renewed = await (await session.fetch(`/items/${'茶'.repeat(10)}`)).json()
  guests[entry] = [first.visitor, renewed.visitor]
  session.close()
}
console.log(JSON.stringify({ webAssembly: typeof WebAssembly, guests }))
