// A `fetch` by Node's HTTP client. Node's own `fetch` needs WebAssembly, and APIs that old engines do not have.

import { request } from 'node:http'

export async function httpFetch(input, init = {}) {
  const { url, method, headers, body } =
    input instanceof Request
      ? { url: input.url, method: input.method, headers: input.headers, body: input.body && (await input.text()) }
      : { url: String(input), ...init }
  const options = { method: method ?? 'GET', headers: Object.fromEntries(new Headers(headers)) }
  return new Promise((resolve, reject) => {
    const sent = request(url, options, async (response) => {
      let text = ''
      for await (const chunk of response) text += chunk
      const { statusCode: status, headers } = response
      resolve(
        new Response(status === 204 ? null : text, {
          status,
          headers: Object.entries(headers).map(([name, value]) => [name, String(value)]),
        }),
      )
    })
    sent.on('error', () => reject(new TypeError('fetch failed')))
    sent.end(body ? String(body) : undefined)
  })
}
