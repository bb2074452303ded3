// Every entry loads the compiled session manager in its own way: the real one, in Node.

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
  vi.resetModules() // The package keeps what it has loaded.
})

afterEach(() => {
  vi.unstubAllGlobals()
})

const entries = {
  index: () => import('../src/index.js'),
  'index.inline': () => import('../src/index.inline.js'),
  'index.node': () => import('../src/index.node.js'),
}

/** As a web server would answer. */
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
    ['an address', () => 'https://cdn.example/sdk.wasm'],
    ['a URL', () => new URL('https://cdn.example/sdk.wasm')],
    ['a response', () => new Response(bytes, { headers: { 'content-type': 'application/wasm' } })],
    ['the promise of a response', () => served()],
    ['bytes', () => new Uint8Array(bytes)],
    ['a buffer', () => new Uint8Array(bytes).buffer],
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

  test('in Node, the address of a file', async () => {
    expect(await started('index.node', { wasm: file.href })).toBe('idle')
    vi.resetModules()
    await expect(started('index.node', { wasm: new URL('file:///nowhere/sdk.wasm') })).rejects.toMatchObject({
      code: 'load_failed',
      message: expect.stringContaining('file:///nowhere/sdk.wasm'),
    })
  })

  test('a function, which is called again after a failure', async () => {
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

test('guestpass/inline needs neither a file nor the network to load', async () => {
  vi.stubGlobal('fetch', () => expect.unreachable())
  vi.doMock('node:fs/promises', () => expect.unreachable())

  expect(await started('index.inline', {})).toBe('idle')

  vi.doUnmock('node:fs/promises')
})

test('sessions of several entries share what the first one has loaded', async () => {
  const instantiated = vi.spyOn(WebAssembly, 'instantiate')

  await started('index.inline', {})
  await started('index.node', {})
  await started('index', {})

  expect(instantiated).toHaveBeenCalledTimes(1)
})

test('C19: a hot reload makes a second session beside the first: one load, one guest', async () => {
  await using server = await GuestServer.listen()
  const instantiated = vi.spyOn(WebAssembly, 'instantiate')
  const { createSession } = await import('../src/index.node.js')
  const kept = new Map<string, string>()
  const storage: CustomStorage = { shared: true, get: (key) => kept.get(key), set: (key, text) => kept.set(key, text) }
  const make = () => createSession({ baseUrl: server.url, storage })

  const [before, after] = [make(), make()]
  await Promise.all([before.fetch('/items/'), after.fetch('/items/')])

  expect(instantiated).toHaveBeenCalledTimes(1)
  expect(after.getSnapshot().id).toBe(before.getSnapshot().id)
  before.close()
  after.close()
})

// The platforms' own bundlers make a module of the file; what they forbid is forbidden here too.
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

  test('the entry uses that module, and nothing of files', async () => {
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
test('workerd, whose fetch knows no redirect but follow and manual, gets a guest', async () => {
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

test.each([0, 302, 307])('a token endpoint that redirects (%d) is one that cannot be reached', async (status) => {
  const { createSession } = await import('../src/index.js')
  const redirect = { status, ok: false, redirected: false, headers: new Headers(), text: async () => '' }
  vi.stubGlobal(
    'fetch',
    vi.fn(async () => redirect),
  )
  const session = createSession({ baseUrl: 'https://shop.example', storage: 'memory', wasm: bytes, timeout: 200 })

  await expect(session.token()).rejects.toMatchObject({ code: 'network' })

  for (const [, init] of vi.mocked(fetch).mock.calls) expect(init?.redirect).not.toBe('follow')
  session.close()
})

test('package.json hands each environment its entry', async () => {
  const { exports } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'))
  const entry = (...conditions: string[]) =>
    Object.entries(exports['.']).find(([condition]) => [...conditions, 'default'].includes(condition))?.[1]

  expect(entry('workerd', 'worker', 'browser')).toBe('./dist/index.workerd.js')
  expect(entry('edge-light', 'browser')).toBe('./dist/index.edge-light.js')
  expect(entry('browser')).toBe('./dist/index.js')
  expect(entry('node', 'import')).toBe('./dist/index.node.js')
  expect(entry('import')).toBe('./dist/index.js')
})
