// The browser's way of loading, with the compiled code, in Node: `fetch` answers as a web server would.

import { readFile } from 'node:fs/promises'
import { beforeEach, expect, test, vi } from 'vitest'
import type { Load } from '../src/machine.js'

const wasm = new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url)
let load: Load

beforeEach(async () => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  vi.resetModules() // The glue keeps what it has loaded.
  load = (await import('../src/load.js')).load
})

async function file(mime: string): Promise<Response> {
  return new Response(await readFile(wasm), { headers: { 'content-type': mime } })
}

test('the compiled code is fetched from beside the JavaScript', async () => {
  const fetched = vi.fn((_url: URL) => file('application/wasm'))
  vi.stubGlobal('fetch', fetched)

  expect(await load()).toBeTypeOf('function')

  expect(fetched.mock.calls.map(([url]) => url.href)).toEqual([wasm.href])
})

test('a wrong MIME type costs a warning, not the session', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.stubGlobal('fetch', () => file('application/octet-stream'))

  expect(await load()).toBeTypeOf('function')

  expect(warned).toHaveBeenCalledTimes(1)
})

test('a missing file gives an error that says where it was looked for, and the next attempt can succeed', async () => {
  vi.stubGlobal('fetch', async () => new Response('no such file', { status: 404 }))
  await expect(load()).rejects.toMatchObject({
    name: 'GuestpassError',
    code: 'load_failed',
    message: expect.stringContaining(wasm.href),
  })

  vi.stubGlobal('fetch', () => file('application/wasm'))
  expect(await load()).toBeTypeOf('function')
})

test.each([
  [
    'Chromium',
    `WebAssembly.instantiateStreaming(): violates the following Content Security policy directive because 'unsafe-eval' is not an allowed source`,
  ],
  ['Firefox', 'call to WebAssembly.instantiateStreaming() blocked by CSP'],
])(
  'where a Content-Security-Policy forbids WebAssembly, the error says what to add (%s)',
  async (_browser, message) => {
    vi.stubGlobal('fetch', () => file('application/wasm'))
    vi.spyOn(WebAssembly, 'instantiateStreaming').mockRejectedValue(new WebAssembly.CompileError(message))

    await expect(load()).rejects.toMatchObject({
      code: 'load_failed',
      message: expect.stringContaining("add 'wasm-unsafe-eval' to script-src"),
    })
  },
)
