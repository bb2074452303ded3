// The oldest supported engines (docs/guides/loading.md): the syntax of the built package, and a session without newer APIs.

import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { transform } from 'esbuild'
import { expect, test } from 'vitest'
import { earlyLogin } from '../src/early-login.js'
import { GuestServer } from './guest-server.js'

const run = promisify(execFile)
const OLDEST = ['chrome100', 'edge100', 'firefox100', 'safari15.4']
// In Safari since 11.1 (caniuse.com). The table of esbuild knows only later additions.
const SUPPORTED = { 'regexp-unicode-property-escapes': true }

test('the built package has no syntax that the oldest engines do not have', { timeout: 60_000 }, async () => {
  const root = fileURLToPath(new URL('../', import.meta.url))
  const dist = (await readdir(join(root, 'dist'), { recursive: true })).map((name) => join('dist', name))
  const files = [...dist, 'pkg/early_login.js', 'pkg/guestpass_sdk.js', 'pkg/guestpass_sdk_javascript.js']

  for (const file of files.filter((name) => name.endsWith('.js'))) {
    const source = await readFile(join(root, file), 'utf8')
    const [older, newest] = await Promise.all(
      [OLDEST, 'esnext'].map((target) => transform(source, { target, supported: SUPPORTED, logLevel: 'silent' })),
    )
    expect(older?.code, file).toBe(newest?.code)
  }
  // The inline script is a text in a module.
  const [older, newest] = await Promise.all(
    [OLDEST, 'esnext'].map((target) => transform(earlyLogin(), { target, logLevel: 'silent' })),
  )
  expect(older?.code).toBe(newest?.code)
})

test('the compiled code uses no feature of WebAssembly that the oldest engines do not have', {
  timeout: 60_000,
}, async () => {
  const wasm = fileURLToPath(new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url))
  // https://webassembly.org/features/: all of these are in Chrome 75, Firefox 79 and Safari 15.
  const features = ['bulk-memory', 'bulk-memory-opt', 'mutable-globals', 'nontrapping-float-to-int', 'sign-ext']
  const enabled = features.map((feature) => `--enable-${feature}`)

  await run('npx', ['wasm-opt', '--mvp-features', ...enabled, wasm, '--output', '/dev/null'])
})

test('a session works without the APIs that newer engines have', { timeout: 60_000 }, async () => {
  await using server = await GuestServer.listen()
  const program = fileURLToPath(new URL('programs/old-engine.mjs', import.meta.url))

  const { stdout } = await run(process.execPath, [program, server.url], { timeout: 50_000 })

  const visitor = { visitor: 'anonymous_1' }
  expect(JSON.parse(stdout)).toEqual({
    removed: expect.arrayContaining(['URL.canParse', 'AbortSignal.any', 'Array.prototype.toSorted']),
    ...{ first: visitor, renewed: visitor, axios: visitor },
    news: ['tea'],
    events: expect.arrayContaining(['acquired', 'refreshed', 'signed_out']),
  })
})
