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

test('a response of HTML in the place of the file is an error that says so, and what to do', async () => {
  const html = async () => new Response('<!doctype html>', { headers: { 'content-type': 'text/html; charset=utf-8' } })
  vi.stubGlobal('fetch', html)

  await expect(load()).rejects.toMatchObject({
    code: 'load_failed',
    message: expect.stringMatching(/Reload the page .*guestpass\/inline.*option 'wasm'.*HTML instead of the file/),
  })
})

test('a failure of the network has the code network', async () => {
  const { load } = await import('../src/load.js')
  vi.stubGlobal('fetch', () => Promise.reject(new TypeError('Failed to fetch')))
  await expect(load('https://cdn.example/sdk.wasm')).rejects.toMatchObject({ code: 'network' })
  // Node's error for a URL that is relative, or of a file.
  await expect(load('/sdk.wasm')).rejects.toMatchObject({ code: 'load_failed' })

  vi.stubGlobal('fetch', async () => new Response('offline', { status: 503 }))
  await expect(load('https://cdn.example/sdk.wasm')).rejects.toMatchObject({ code: 'load_failed' })
  vi.stubGlobal('navigator', { onLine: false })
  await expect(load('https://cdn.example/sdk.wasm')).rejects.toMatchObject({ code: 'network' })
})

test('without WebAssembly, the same code is loaded as JavaScript, and the file is not fetched', async () => {
  vi.stubGlobal('WebAssembly', undefined)
  vi.stubGlobal('fetch', () => expect.unreachable())

  expect(await load()).toBeTypeOf('function')
})

test('when WebAssembly is forbidden, the code is loaded as JavaScript, and a warning says what to add', async () => {
  const warned = vi.spyOn(console, 'warn').mockImplementation(() => {})
  const forbidden = new WebAssembly.CompileError(`Refused to compile: 'unsafe-eval' is not an allowed source`)
  vi.stubGlobal('fetch', () => file('application/wasm'))
  vi.spyOn(WebAssembly, 'compileStreaming').mockRejectedValue(forbidden)
  vi.spyOn(WebAssembly, 'Module').mockImplementation(() => {
    throw forbidden
  })

  expect(await load()).toBeTypeOf('function')

  expect(warned).toHaveBeenCalledWith(expect.stringContaining("add 'wasm-unsafe-eval' to script-src"))
})

test('when the JavaScript cannot be loaded either, the error says what to do', async () => {
  vi.stubGlobal('WebAssembly', undefined)
  vi.doMock('../pkg/guestpass_sdk_javascript.js', () => {
    throw new TypeError('Failed to fetch dynamically imported module')
  })

  await expect(load()).rejects.toMatchObject({
    code: 'load_failed',
    message: expect.stringContaining('sessions without WebAssembly could not be loaded. Reload the page.'),
  })
  vi.doUnmock('../pkg/guestpass_sdk_javascript.js')
})

test('a page in which the address of the file is not known is not offline', async () => {
  vi.stubGlobal('location', new URL('https://shop.example/'))
  const wasm = () => {
    throw new TypeError('Failed to construct URL')
  }

  await expect(load(wasm)).rejects.toMatchObject({ code: 'load_failed' })
})

test('without WebAssembly, guestpass/inline names the entry that needs none', async () => {
  const inline = await import('../src/load.inline.js')
  vi.stubGlobal('WebAssembly', undefined)

  await expect(inline.load()).rejects.toMatchObject({
    code: 'load_failed',
    message: expect.stringMatching(/Lockdown Mode.*use guestpass\/javascript/),
  })
})

test('an import that fails rejects with a GuestpassError that says what to do', async () => {
  const { loadPart } = await import('../src/load-part.js')
  const cause = new TypeError('Failed to fetch dynamically imported module')

  await expect(loadPart('passkeys', Promise.reject(cause))).rejects.toMatchObject({
    ...{ name: 'GuestpassError', code: 'load_failed', cause },
    message: expect.stringMatching(/^the code for passkeys could not be loaded\. Reload the page/),
  })
})
