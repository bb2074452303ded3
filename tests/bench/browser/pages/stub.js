// In the place of the network: `fetch` answers at once. Everything but the compiled session manager comes from here.

const real = globalThis.fetch
const TOKEN = { access_token: 'a'.repeat(500), refresh_token: 'r'.repeat(90), token_type: 'bearer', expires_in: 86_400 }

/** How many requests had a token. */
export const fetched = { withToken: 0 }

globalThis.fetch = async (input, init) => {
  const url = String(input?.url ?? input)
  if (url.endsWith('.wasm')) return real(input, init)
  if (url.endsWith('/anonymous-login')) return Response.json(TOKEN)
  const headers = init?.headers ?? input?.headers
  if (headers?.Authorization ?? headers?.get?.('Authorization')) fetched.withToken++
  return new Response('{"id":7}', { headers: { 'content-type': 'application/json' } })
}

// The memory of the compiled session manager, to be measured.
const { instantiate } = WebAssembly
WebAssembly.instantiate = async (...given) => {
  const instance = await instantiate.apply(WebAssembly, given)
  globalThis.wasmMemory = Object.values(instance.exports).find((value) => value instanceof WebAssembly.Memory)
  return instance
}
