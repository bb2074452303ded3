// A tiny app for each place where people work: built and started with the packed package, and looked at in Chromium.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Browser } from 'guestpass-e2e/harness/browser.ts'
import { Child } from 'guestpass-e2e/harness/child.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'
import { Service } from './service.ts'
import { app, packed, tarball, work } from './tarball.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const GUEST = /^anonymous_[\da-f-]{36}$/

/**
 * What the page shows in the end: the guest that the server knows it for, or an error. A page that is content has not
 * complained either, as React does when what a server has rendered does not match; `expected` are answers that browsers note.
 */
async function outcome(url: string, expected: readonly string[] = []): Promise<{ guest?: string; error?: string }> {
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  await tab.startLoading(url)
  await tab.until('the page has a guest or an error', () => {
    const { guest, error } = document.body.dataset
    return guest || error
  })
  const seen: { guest?: string; error?: string } = await tab.evaluate(() => ({ ...document.body.dataset }))
  const complaints = (await tab.console()).filter((line) => line.startsWith('SEVERE') && !line.includes('/favicon.ico'))
  if (!seen.error) expect(complaints.filter((line) => !expected.some((part) => line.includes(part)))).toEqual([])
  return seen
}

/** The page and the API have one origin. */
async function outcomeOf(folder: string): Promise<{ guest?: string; error?: string }> {
  await using server = await Server.start(['--static', folder])
  return await outcome(server.url)
}

/** The program of a package of the workspace. */
function program(name: string, path: string): string {
  return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), path)
}

test('Vite, built', async () => {
  const folder = await viteBuild()

  expect(await outcomeOf(join(folder, 'dist'))).toEqual({ guest: expect.stringMatching(GUEST) })
})

test('the panel for developers, in a file of its own, revokes, expires and goes offline in a browser', async () => {
  const folder = await viteBuild()
  await using server = await Server.start(['--static', join(folder, 'dist')])
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  const loaded = (part: string) =>
    performance.getEntriesByType('resource').filter(({ name }) => name.includes(part)).length
  const visit = () => tab.evaluate(() => dispatchEvent(new Event('visit')))
  const shows = (text: string) =>
    tab.until(`the panel shows ${text}`, (text) => document.querySelector('details')?.textContent.includes(text), text)
  const press = (text: string) =>
    tab.evaluate((text) => {
      const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent === text)
      if (!button) throw new Error(`there is no button ${text}`)
      button.click()
    }, text)
  await tab.startLoading(server.url)
  await tab.until('there is a guest', () => document.body.dataset.guest)
  expect(await tab.evaluate(loaded, 'devtools')).toBe(0)

  await tab.startLoading(`${server.url}/#panel`)
  await tab.reload()
  const [first] = await server.guests()
  await shows('guestpass: active')
  await shows(String(first))
  expect(await tab.evaluate(loaded, 'devtools')).toBe(1)

  await press('Expire token')
  await visit()
  await shows('refreshed')

  await press('Go offline')
  await shows('offline')
  await visit()
  await tab.until('a request fails', () => /offline/.test(document.body.dataset.error ?? ''))
  await press('Go online')

  await press('Revoke session')
  await tab.until('the session is revoked', loaded, '/revoke')
  await visit()
  await shows('identity')
  expect(await server.guests()).toHaveLength(2)
})

async function viteBuild(): Promise<string> {
  const folder = await app('vite')
  const { build } = await import('vite')
  await build({ root: folder, logLevel: 'warn', build: { emptyOutDir: true } })
  return folder
}

test('Vite, in development', async () => {
  await using server = await Server.start()
  const folder = await app('vite')
  const { createServer } = await import('vite')
  const proxy = Object.fromEntries(['/anonymous-login', '/token', '/me'].map((path) => [path, server.url]))
  // A cache of its own: one of another run may hold another build of the package.
  const cacheDir = join(folder, 'cache')
  const vite = await createServer({
    root: folder,
    cacheDir,
    logLevel: 'warn',
    server: { port: 0, host: '127.0.0.1', proxy },
  })
  await vite.listen()
  const [url] = vite.resolvedUrls?.local ?? []

  expect(await outcome(String(url))).toEqual({ guest: expect.stringMatching(GUEST) })
  await vite.close()
})

test('webpack', async () => {
  const folder = await app('webpack')
  const { default: webpack } = await import('webpack')
  const stats = await new Promise<import('webpack').Stats | undefined>((resolve, reject) =>
    webpack(
      { context: folder, entry: './main.js', mode: 'production', output: { path: join(folder, 'dist') } },
      (error, stats) => (error ? reject(error) : resolve(stats)),
    ),
  )
  expect(stats?.toJson({ all: false, errors: true, warnings: true })).toMatchObject({ errors: [], warnings: [] })
  await cp(join(folder, 'index.html'), join(folder, 'dist/index.html'))

  expect(await outcomeOf(join(folder, 'dist'))).toEqual({ guest: expect.stringMatching(GUEST) })
})

test('Next.js: rendered on the server, taken over without a mismatch, and its edge runtime', async () => {
  await using server = await Server.start()
  const folder = await app('next')
  const next = program('next', 'dist/bin/next')
  const env = { API: server.url, ROOT: root.replace(/\/$/, ''), NEXT_TELEMETRY_DISABLED: '1' }
  await run(process.execPath, [next, 'build', folder], { env: { ...process.env, ...env } })
  const child = await Child.start({
    command: process.execPath,
    args: [next, 'start', folder, '--hostname', '127.0.0.1', '--port', '0'],
    env,
    ready: /Local:\s+(http:\S+)/,
  })
  try {
    const html = await (await fetch(child.greeting)).text()
    expect(html).toContain('<p id="status">idle</p>')
    expect(await server.guests()).toEqual([])

    expect(await outcome(child.greeting)).toEqual({ guest: expect.stringMatching(GUEST) })

    const edge = await fetch(`${child.greeting}/edge`)
    expect(await edge.json()).toMatchObject({ id: expect.stringMatching(GUEST) })
  } finally {
    await child.stop()
  }
})

test('React Router: rendered on the server, and a clientLoader with the guest', async () => {
  const port = await freePort()
  await using server = await Server.start(['--cors-origin', `http://127.0.0.1:${port}`])
  const folder = await app('react-router')
  const router = program('@react-router/dev', 'bin.js')
  await run(process.execPath, [router, 'build', folder], {
    cwd: folder,
    env: { ...process.env, VITE_API: server.url, NODE_ENV: 'production' },
  })
  const child = await Child.start({
    command: process.execPath,
    args: [program('@react-router/serve', 'bin.js'), join(folder, 'build/server/index.js')],
    env: { HOST: '127.0.0.1', PORT: String(port), NODE_ENV: 'production' },
    cwd: folder,
    ready: /(http:\/\/\S+)/,
  })
  try {
    const url = `http://127.0.0.1:${port}`
    const html = await (await fetch(url)).text()
    expect(html).toContain('<p id="status">idle</p>')
    expect(await server.guests()).toEqual([])

    expect(await outcome(url)).toEqual({ guest: expect.stringMatching(GUEST) })
  } finally {
    await child.stop()
  }
})

/** The page has an address before it is served: the server must know of its origin. */
async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  return port
}

test('Node, after npm install', async () => {
  await using server = await Server.start()
  const folder = await mkdtemp(join(tmpdir(), 'guestpass-node-'))
  await cp(await app('node'), folder, { recursive: true })
  await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--prefix', folder, tarball])

  const { stdout, stderr } = await run(process.execPath, [join(folder, 'main.mjs'), server.url])

  expect(stderr).toBe('')
  const ids = stdout.trim().split('\n')
  expect(ids).toEqual([expect.stringMatching(GUEST), expect.stringMatching(GUEST)])
  await rm(folder, { recursive: true })
})

test('Node, from CommonJS: no entry waits at its top level', async () => {
  const { exports } = JSON.parse(await readFile(join(packed, 'package.json'), 'utf8'))
  const entries = Object.keys(exports).filter((name) => !/\.(wasm|json)$/.test(name))
  const script = `for (const name of ${JSON.stringify(entries)}) console.log(name, typeof require('guestpass' + name.slice(1)))`

  const { stdout } = await run(process.execPath, ['--input-type=commonjs', '--eval', script], { cwd: work })

  expect(stdout.trim().split('\n')).toEqual(entries.map((name) => `${name} object`))
  expect(entries).toContain('./streams')
})

test('Vitest with jsdom, and the test kit', async () => {
  const folder = await app('jsdom')
  const vitest = program('vitest', 'vitest.mjs')

  const { stdout } = await run(process.execPath, [vitest, 'run', '--root', folder], {
    env: { ...process.env, NO_COLOR: '1' },
  })

  expect(stdout).toMatch(/Tests {2}1 passed/)
})

test.each([
  ['as ES modules', 'jest.modules.cjs', '--experimental-vm-modules'],
  ['by Babel, as CommonJS', 'jest.commonjs.cjs', ''],
])('Jest with jsdom, and the test kit, %s', async (_how, config, options) => {
  const folder = await app('jest')
  const jest = program('jest', 'bin/jest.js')

  const { stderr } = await run(process.execPath, [jest, '--config', join(folder, config), '--rootDir', folder], {
    env: { ...process.env, NO_COLOR: '1', NODE_OPTIONS: options },
  })

  expect(stderr).toMatch(/Tests: {7}2 passed/)
})

/** A page without a bundler, beside the package. */
async function page(name: string): Promise<string> {
  const folder = await app(name)
  await mkdir(join(folder, 'guestpass'))
  for (const part of ['dist', 'pkg']) await cp(join(packed, part), join(folder, 'guestpass', part), { recursive: true })
  return folder
}

test('a plain page with an import map', async () => {
  expect(await outcomeOf(await page('plain'))).toEqual({ guest: expect.stringMatching(GUEST) })
})

test('C8, C13: streams in a browser: another origin, a token that is verified, and the end with the session', async () => {
  const folder = await page('streams')
  await using server = await Server.start(['--static', folder])
  await using service = await Service.start(server.url)

  const { guest, error } = await outcome(`${server.url}/?service=${encodeURIComponent(service.url)}`)

  expect(error).toBeUndefined()
  const [id] = await server.guests()
  expect(JSON.parse(guest ?? '')).toEqual({
    told: [
      { event: 'message', data: id, id: '1' },
      { event: 'message', data: `${id} since 1`, id: '1' },
    ],
    message: id,
    protocol: 'shop.v1',
    ended: 'signed_out',
    closed: 3000,
  })
  expect(service.urls).toEqual(['/news', '/news', '/chat'])
})

test('C3: axios in a browser: an upload with progress is sent again after a 401', async () => {
  const folder = await page('axios')
  const axios = dirname(createRequire(import.meta.url).resolve('axios/package.json'))
  await cp(join(axios, 'dist/esm/axios.min.js'), join(folder, 'axios.js'))
  await using server = await Server.start(['--static', folder])
  await using service = await Service.start(server.url)

  const { guest, error } = await outcome(`${server.url}/?service=${encodeURIComponent(service.url)}`, ['401'])

  expect(error).toBeUndefined()
  const { answer, progress } = JSON.parse(guest ?? '')
  expect(answer).toEqual({ guest: expect.stringMatching(GUEST), size: 3_000_000 })
  expect(progress.at(-1)).toEqual({ loaded: 3_000_000, total: 3_000_000 })
  expect(service.urls).toEqual(['/upload', '/upload'])
})

test('a page whose server does not know the MIME type of WebAssembly', async () => {
  const folder = await page('plain')
  await cp(join(packed, 'pkg/guestpass_sdk_bg.wasm'), join(folder, 'sdk.bin'))
  await using server = await Server.start(['--static', folder])

  expect(await outcome(`${server.url}/?wasm=sdk.bin`)).toEqual({ guest: expect.stringMatching(GUEST) })
})

test('a page with a strict Content-Security-Policy', async () => {
  expect(await outcomeOf(await page('csp'))).toEqual({ guest: expect.stringMatching(GUEST) })
})

test('a Content-Security-Policy that forbids WebAssembly: the error says what to add', async () => {
  expect(await outcomeOf(await page('no-wasm'))).toEqual({
    error: expect.stringContaining("add 'wasm-unsafe-eval' to script-src"),
  })
})
