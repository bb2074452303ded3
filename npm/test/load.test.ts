// The loader for browsers, with the real compiled code. It runs in Node, and `fetch` is replaced by a web server's responses.

import { readFile } from 'node:fs/promises'
import { beforeEach, expect, test, vi } from 'vitest'
import type { LoadManagerClass } from '../src/manager.js'

const wasm = new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url)
let load: LoadManagerClass

beforeEach(async () => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  vi.resetModules() // The module keeps the code that it has loaded.
  load = (await import('../src/load.js')).load
})

async function file(mime: string): Promise<Response> {
  return new Response(await readFile(wasm), { headers: { 'content-type': mime } })
}

test('the compiled code is fetched from the folder of the package', async () => {
  const fetched = vi.fn((_url: URL) => file('application/wasm'))
  vi.stubGlobal('fetch', fetched)

  expect(await load()).toBeTypeOf('function')

  expect(fetched.mock.calls.map(([url]) => url.href)).toEqual([wasm.href])
})

test('with a wrong MIME type, the code loads and a warning is logged', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  vi.stubGlobal('fetch', () => file('application/octet-stream'))

  expect(await load()).toBeTypeOf('function')

  expect(warned).toHaveBeenCalledTimes(1)
})

test('the error for a missing file contains its URL, and the next attempt can succeed', async () => {
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
    `WebAssembly.compileStreaming(): violates the following Content Security policy directive because 'unsafe-eval' is not an allowed source`,
  ],
  ['Firefox', 'call to WebAssembly.compileStreaming() blocked by CSP'],
])('when a Content-Security-Policy forbids WebAssembly, the error says what to add (%s)', async (_browser, message) => {
  vi.stubGlobal('fetch', () => file('application/wasm'))
  vi.spyOn(WebAssembly, 'compileStreaming').mockRejectedValue(new WebAssembly.CompileError(message))

  await expect(load()).rejects.toMatchObject({
    code: 'load_failed',
    message: expect.stringContaining("add 'wasm-unsafe-eval' to script-src"),
  })
})

test('a file of another version than the JavaScript is refused with an error that says so', async () => {
  const bytes = await readFile(wasm)
  // The file ends with the name of the build.
  bytes.set([bytes[bytes.length - 1] === 0x61 ? 0x62 : 0x61], bytes.length - 1)
  vi.stubGlobal('fetch', async () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } }))

  await expect(load()).rejects.toMatchObject({
    code: 'load_failed',
    message: expect.stringContaining('copy guestpass/sdk.wasm again'),
  })

  vi.stubGlobal('fetch', () => file('application/wasm'))
  expect(await load()).toBeTypeOf('function')
})
