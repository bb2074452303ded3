// Replaces `fetch` by a function that responds at once. Only the compiled code is loaded from the network.

const real = globalThis.fetch
const TOKEN = { access_token: 'a'.repeat(500), refresh_token: 'r'.repeat(90), token_type: 'bearer', expires_in: 86_400 }

/** The number of requests with a token. */
export const fetched = { withToken: 0 }

globalThis.fetch = async (input, init) => {
  const url = String(input?.url ?? input)
  if (url.endsWith('.wasm')) return real(input, init)
  if (url.endsWith('/anonymous-login')) return Response.json(TOKEN)
  const headers = init?.headers ?? input?.headers
  if (headers?.Authorization ?? headers?.get?.('Authorization')) fetched.withToken++
  return new Response('{"id":7}', { headers: { 'content-type': 'application/json' } })
}

// Exposes the memory of the compiled session manager, to measure it.
const { instantiate } = WebAssembly
WebAssembly.instantiate = async (...given) => {
  const instance = await instantiate.apply(WebAssembly, given)
  globalThis.wasmMemory = Object.values(instance.exports).find((value) => value instanceof WebAssembly.Memory)
  return instance
}
