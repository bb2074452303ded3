// The commands of the guide to bundlers, with the packed package: a built page in Chromium, a built program in its runtime, both
// with the real server.

import { execFile } from 'node:child_process'
import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Browser, type Tab } from 'guestpass-e2e/harness/browser.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consoleErrors, GUEST, shownIn } from './page.ts'
import { work } from './tarball.ts'

const run = promisify(execFile)
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const guide = await readFile(path('../../docs/guides/bundlers.md'), 'utf8')
const PATH = `${path('../../node_modules/.bin')}:${process.env.PATH}`

/** The folder that the server serves. Each test makes its app in a folder below. */
const apps = join(work, 'bundlers')
let server: Server
let browser: Browser
let tab: Tab

beforeAll(async () => {
  await cp(path('pages/bundlers'), apps, { recursive: true })
  server = await Server.start(['--static', apps, '--login-rate', 'off'])
  browser = await Browser.start()
  tab = await browser.openTab()
})

afterAll(async () => {
  await browser?.[Symbol.asyncDispose]()
  await server?.[Symbol.asyncDispose]()
})

/** Makes a copy of the app and runs a command in it. `session` names the file that replaces its module `session.js`. */
async function built(name: string, command: string, session = 'session.js'): Promise<string> {
  const folder = join(apps, name)
  await cp(path('pages/bundlers'), folder, { recursive: true })
  await cp(path(`pages/bundlers/src/${session}`), join(folder, 'src/session.js'))
  await shell(folder, command)
  return folder
}

function shell(folder: string, command: string): Promise<{ stdout: string; stderr: string }> {
  return run('bash', ['-c', command], { cwd: folder, env: { ...process.env, PATH, NO_COLOR: '1' } })
}

let count = 0
const folderName = () => `app-${++count}`

const ESBUILD = 'esbuild src/main.js --bundle --format=esm --splitting --outdir=dist'
const FILE = ["import file from 'guestpass/sdk.wasm'", 'wasm: new URL(file, import.meta.url)']
const INLINE = ["from 'guestpass/inline'"]
const PAGES: [row: string, command: string, session: string, lines: string[]][] = [
  ['esbuild, page of ES modules', `${ESBUILD} --loader:.wasm=file`, 'session.file.js', FILE],
  ['esbuild, page of one script', 'esbuild src/main.js --bundle --outfile=dist/main.js', 'session.inline.js', INLINE],
  ['tsup, page', 'tsup src/main.js --platform browser --format esm --loader .wasm=file', 'session.file.js', FILE],
  ['Bun, page', 'bun build src/main.js --splitting --outdir=dist', 'session.file.js', FILE],
  [
    'Rollup, page',
    'rollup src/main.js --dir dist --plugin node-resolve --plugin @web/rollup-plugin-import-meta-assets',
    'session.js',
    [],
  ],
]

test.each(PAGES)('%s: the built page has a guest', async (_row, command, session, lines) => {
  for (const line of [command, ...lines]) expect(guide).toContain(line)
  const name = folderName()
  const folder = await built(name, command, session)
  const source = await readFile(join(folder, 'src/session.js'), 'utf8')
  for (const line of lines) expect(source).toContain(line)

  await tab.startLoading(`${server.url}/${name}/index.html`)

  expect(await shownIn(tab)).toEqual({ guest: expect.stringMatching(GUEST) })
  expect(await consoleErrors(tab)).toEqual([])
})

test('a bundler that does not copy the compiled code: the error names guestpass/inline and the option wasm', async () => {
  const name = folderName()
  await built(name, ESBUILD)

  await tab.startLoading(`${server.url}/${name}/index.html`)

  const { error } = await shownIn(tab)
  expect(error).toMatch(/guestpass_sdk_bg\.wasm.*guestpass\/inline.*guestpass\/sdk\.wasm.*option 'wasm'/)
})

const PROGRAMS: [row: string, command: string, start: string][] = [
  [
    'esbuild, program for Node',
    'esbuild src/program.js --bundle --platform=node --format=esm --outfile=dist/program.js',
    'node dist/program.js',
  ],
  [
    'esbuild, program for Node as CommonJS',
    'esbuild src/program.js --bundle --platform=node --outfile=dist/program.cjs',
    'node dist/program.cjs',
  ],
  ['tsup, program for Node', 'tsup src/program.js --format esm,cjs', 'node dist/program.cjs'],
  [
    'Rollup, program for Node',
    "rollup src/program.js --dir dist --plugin 'node-resolve={exportConditions:[\"node\"]}'",
    'node dist/program.js',
  ],
  [
    'webpack, program for Node',
    'webpack ./src/program.js --mode production --target node --output-path dist --output-filename program.cjs',
    'node dist/program.cjs',
  ],
  ['Vite, server (ssr.noExternal)', 'vite build --ssr src/program.js', 'node dist/program.js'],
  ['Bun, program', 'true', 'bun src/program.js'],
  ['Bun, bundle for Bun', 'bun build src/program.js --target=bun --outdir=dist', 'bun dist/program.js'],
  ['Bun, bundle for Node', 'bun build src/program.js --target=node --outdir=dist', 'node dist/program.js'],
]

test.each(PROGRAMS)('%s: the program is a guest', async (_row, command, start) => {
  const folder = await built(folderName(), command)

  if (command !== 'true') expect(guide).toContain(command)
  const { stdout, stderr } = await shell(folder, `${start} ${server.url}`)

  expect(stderr).toBe('')
  expect(stdout.trim()).toMatch(GUEST)
})
