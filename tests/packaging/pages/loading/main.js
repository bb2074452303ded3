// A session for the tests, which call it. `?old` removes what old engines lack, before anything else is loaded; `?wasm=` is the
// option `wasm`.

const parameters = new URLSearchParams(location.search)
globalThis.removed = parameters.has('old') ? (await import('./newer-apis.mjs')).removed : []

const { createSession } = await import('./node_modules/guestpass/dist/index.js')
const { eventStream } = await import('./node_modules/guestpass/dist/streams/index.js')
globalThis.events = []
globalThis.session = createSession({
  baseUrl: location.origin,
  allowedOrigins: ['https://other.example'],
  wasm: parameters.get('wasm') ?? undefined,
})
globalThis.eventStream = eventStream
session.onEvent(({ type }) => events.push(type))
document.body.dataset.ready = ''
