// Each entry loads the compiled session manager in its own way. These tests run in Node with the real compiled code.

import { readFile } from 'node:fs/promises'
import { createContext, runInContext } from 'node:vm'
import { build, type Plugin } from 'esbuild'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { CustomStorage, SessionOptions, WasmSource } from '../src/types.js'
import { GuestServer } from './guest-server.js'

const file = new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url)
const bytes = await readFile(file)

beforeEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllGlobals()
  vi.resetModules() // A module keeps the code that it has loaded.
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const entries = {
  index: () => import('../src/index.js'),
  'index.inline': () => import('../src/index.inline.js'),
  'index.node': () => import('../src/index.node.js'),
}

/** The response of a web server. */
async function served(): Promise<Response> {
  return new Response(bytes, { headers: { 'content-type': 'application/wasm' } })
}

async function started(entry: keyof typeof entries, options: SessionOptions): Promise<string> {
  const { createSession } = await entries[entry]()
  const session = createSession({ baseUrl: 'https://shop.example', storage: 'memory', ...options })
  await session.start()
  const { status } = session.getSnapshot()
  session.close()
  return status
}

describe('the option wasm takes', () => {
  const forms: [string, () => Exclude<SessionOptions['wasm'], undefined>][] = [
    ['a URL as a string', () => 'https://cdn.example/sdk.wasm'],
    ['a URL object', () => new URL('https://cdn.example/sdk.wasm')],
    ['a response', () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } })],
    ['the promise of a response', () => served()],
    ['a Uint8Array', () => new Uint8Array(bytes)],
    ['an ArrayBuffer', () => new Uint8Array(bytes).buffer],
    ['a module', () => new WebAssembly.Module(bytes)],
    ['the promise of a module', () => WebAssembly.compile(bytes)],
    ['a function', () => () => served()],
  ]

  test.each(forms)('%s', async (_form, wasm) => {
    const fetched = vi.fn((_url: unknown) => served())
    vi.stubGlobal('fetch', fetched)

    expect(await started('index', { wasm: wasm() })).toBe('idle')

    for (const [url] of fetched.mock.calls) expect(String(url)).toBe('https://cdn.example/sdk.wasm')
  })

  test('in Node, a file URL', async () => {
    expect(await started('index.node', { wasm: file.href })).toBe('idle')
    vi.resetModules()
    await expect(started('index.node', { wasm: new URL('file:///nowhere/sdk.wasm') })).rejects.toMatchObject({
      code: 'load_failed',
      message: expect.stringContaining('file:///nowhere/sdk.wasm'),
    })
  })

  test('a function, which is called again after a failed load', async () => {
    const { createSession } = await import('../src/index.js')
    const wasm = vi.fn<() => Promise<WasmSource>>()
    wasm.mockRejectedValueOnce(new TypeError('Failed to fetch')).mockImplementation(served)
    const session = createSession({ baseUrl: 'https://shop.example', storage: 'memory', wasm })

    await expect(session.start()).rejects.toMatchObject({ code: 'load_failed' })
    await session.start()

    expect(wasm).toHaveBeenCalledTimes(2)
    session.close()
  })
})

test.each(['index.inline', 'index.node'] as const)(
  'the entry %s loads without a file and without the network',
  async (entry) => {
    vi.stubGlobal('fetch', () => expect.unreachable())
    vi.doMock('node:fs/promises', () => expect.unreachable())

    expect(await started(entry, {})).toBe('idle')

    vi.doUnmock('node:fs/promises')
  },
)

test('sessions of different entries share the code that the first one loads', async () => {
  const instantiated = vi.spyOn(WebAssembly, 'instantiate')

  await started('index.inline', {})
  await started('index.node', {})
  await started('index', {})

  expect(instantiated).toHaveBeenCalledTimes(1)
})

test('C19: a second session after a hot reload shares the loaded code and the guest', async () => {
  await using server = await GuestServer.listen()
  const instantiated = vi.spyOn(WebAssembly, 'instantiate')
  const { createSession } = await import('../src/index.node.js')
  const stored = new Map<string, string>()
  const storage: CustomStorage = {
    shared: true,
    get: (key) => stored.get(key),
    set: (key, text) => stored.set(key, text),
  }
  const make = () => createSession({ baseUrl: server.url, storage })

  const [before, after] = [make(), make()]
  await Promise.all([before.fetch('/items/'), after.fetch('/items/')])

  expect(instantiated).toHaveBeenCalledTimes(1)
  expect(after.getSnapshot().id).toBe(before.getSnapshot().id)
  before.close()
  after.close()
})

// The bundlers of these platforms import the file as a compiled module. This test forbids what the platforms forbid.
describe.each([
  ['workerd', /\.wasm$/],
  ['edge-light', /\.wasm\?module$/],
])('where modules are compiled in advance (%s)', (condition, imported) => {
  const compiled: Plugin = {
    name: 'compiled',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: imported }, ({ path }) => ({ path, namespace: 'compiled' }))
      onLoad({ filter: /.*/, namespace: 'compiled' }, () => ({ contents: 'export default COMPILED' }))
    },
  }

  test('the entry uses the imported module and loads no file', async () => {
    const { outputFiles } = await build({
      stdin: { contents: "export { createSession } from 'guestpass'", resolveDir: import.meta.dirname },
      alias: { guestpass: new URL(`../src/index.${condition}.ts`, import.meta.url).pathname },
      bundle: true,
      format: 'iife',
      globalName: 'guestpass',
      platform: 'neutral',
      write: false,
      plugins: [compiled],
      logOverride: { 'empty-import-meta': 'silent' },
    })
    const { Instance, Module } = WebAssembly
    const instantiate = async (module: WebAssembly.Module, imports: WebAssembly.Imports) => {
      if (!(module instanceof Module)) throw new WebAssembly.CompileError('code generation is disallowed')
      return new Instance(module, imports)
    }
    const context = createContext({
      ...{ COMPILED: new Module(bytes), WebAssembly: { Instance, Module, instantiate } },
      ...{ AbortController, Headers, Request, Response, TextDecoder, TextEncoder, URL, clearTimeout, crypto },
      ...{ performance, queueMicrotask, setTimeout },
      fetch: () => expect.unreachable(),
    })
    const session = runInContext(
      `${outputFiles[0]?.text}; guestpass.createSession({ baseUrl: 'https://shop.example', storage: 'memory' })`,
      context,
    )

    await session.start()

    expect(session.getSnapshot().status).toBe('idle')
    session.close()
  })
})

// https://developers.cloudflare.com/workers/runtime-apis/request/
test('a session works in workerd, whose fetch supports only the redirect modes follow and manual', async () => {
  await using server = await GuestServer.listen()
  const { createSession } = await import('../src/index.js')
  const real = fetch
  vi.stubGlobal('fetch', async (url: string, init: RequestInit = {}) => {
    if (!['follow', 'manual'].includes(init.redirect ?? 'follow')) throw new TypeError('Invalid redirect value')
    return real(url, init)
  })
  const session = createSession({ baseUrl: server.url, storage: 'memory', wasm: bytes, timeout: 2000 })

  const response = await session.fetch('/items/')

  expect(await response.json()).toEqual({ visitor: 'anonymous_1' })
  session.close()
})

test.each([0, 302, 307])('a token endpoint that redirects (%d) counts as unreachable', async (status) => {
  const { createSession } = await import('../src/index.js')
  const redirect = { status, ok: false, redirected: false, headers: new Headers(), text: async () => '' }
  vi.stubGlobal(
    'fetch',
    vi.fn(async () => redirect),
  )
  const options = { baseUrl: 'https://shop.example', storage: 'memory', wasm: bytes } as const
  // All sessions share the compiled code: the short timeout below does not include the time to load it.
  const loading = createSession(options)
  await loading.start()
  loading.close()
  const session = createSession({ ...options, timeout: 200 })

  await expect(session.token()).rejects.toMatchObject({ code: 'network' })

  for (const [, init] of vi.mocked(fetch).mock.calls) expect(init?.redirect).not.toBe('follow')
  session.close()
})

test('package.json selects the entry of each environment', async () => {
  const { exports } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  const entry = (...conditions: string[]) =>
    Object.entries(exports['.']).find(([condition]) => [...conditions, 'default'].includes(condition))?.[1]

  expect(entry('workerd', 'worker', 'browser')).toBe('./dist/index.workerd.js')
  expect(entry('edge-light', 'browser')).toBe('./dist/index.edge-light.js')
  expect(entry('browser')).toBe('./dist/index.js')
  expect(entry('node', 'import')).toBe('./dist/index.node.js')
  expect(entry('import')).toBe('./dist/index.js')
})
