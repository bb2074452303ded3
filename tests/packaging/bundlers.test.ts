// The commands of the guide to bundlers, with the packed package: a built page in Chromium, a built program in its runtime, both
// with the real server.

import { execFile } from 'node:child_process'
import { cp, readdir, readFile } from 'node:fs/promises'
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
  expect(error).toMatch(/guestpass_sdk_bg\.wasm.*guestpass\/inline.*the option 'wasm'/)
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
    'rollup src/program.js --dir dist --plugin \'node-resolve={exportConditions:["node"]}\'',
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

test.each([
  ['angular/angular.json', '"loader": { ".wasm": "file" }'],
  ['angular/angular.json', '"prebundle": { "exclude": ["guestpass"] }'],
  ['angular/src/session.ts', "import file from 'guestpass/sdk.wasm'"],
  ['angular/src/session.ts', 'createSession({ wasm: new URL(file, import.meta.url) })'],
  ['pwa/vite.config.js', "globIgnores: ['**/guestpass_sdk_javascript-*.js']"],
])('the example %s and the guide have the line %s', async (file, line) => {
  expect(await readFile(path(`../../examples/${file}`), 'utf8')).toContain(line)
  expect(guide).toContain(line)
})

/** The tests of each row of the guide's table. */
const TESTS: Record<string, readonly string[]> = {
  'Vite, page, in development and built': [
    'Vite in development, without the plugin: the page has a guest',
    'Vite, built without the plugin: the page has a guest',
  ],
  'Vite with the plugin, page that preloads the code and logs in early': [
    'vite: the visitor of the built page',
    'vite: the page works in development',
    'Vite, base %s: the page logs in before',
    'Vite, in development: the page logs in early',
  ],
  'Vite, server, also with `ssr.noExternal`': ['Vite, server (ssr.noExternal)'],
  'vite-plugin-pwa, page that starts offline': ['pwa: the page starts offline', 'pwa: without the compiled code'],
  'webpack, page': ['webpack: the built page'],
  'webpack, program for Node': ['webpack, program for Node'],
  'Next.js with Turbopack, page; route handlers, also of the edge runtime': ['next: the server renders'],
  'Next.js with webpack, page; route handlers of the Node runtime; `standalone`; workspaces': [
    'next start: the page',
    'standalone: the page',
  ],
  'React Router, page and server': ['react-router: the server renders'],
  'Angular, page, in development and built': ['angular: the visitor', 'angular: the page works in development'],
  'esbuild, page of ES modules': ['esbuild, page of ES modules'],
  'esbuild, page of one script': ['esbuild, page of one script'],
  'esbuild, program for Node': ['esbuild, program for Node', 'esbuild, program for Node as CommonJS'],
  'tsup, page': ['tsup, page'],
  'tsup, program for Node': ['tsup, program for Node'],
  'Rollup, page': ['Rollup, page'],
  'Rollup, program for Node': ['Rollup, program for Node'],
  'Bun, page': ['Bun, page'],
  'Bun, program, bundled or not': ['Bun, program', 'Bun, bundle for Bun', 'Bun, bundle for Node'],
  'none, page with an import map': ['plain-page: a page'],
  'none, program for Node': ['node: the program is a guest'],
}

test('each row of the table in the guide has a test', async () => {
  const rows = [...guide.matchAll(/^\| (.+?) +\| (.+?) +\| .*\|$/gm)].map(([, tool, target]) => `${tool}, ${target}`)
  const files = (await readdir(path('.'))).filter((name) => name.endsWith('.test.ts'))
  const sources = await Promise.all(files.map((name) => readFile(path(name), 'utf8')))

  expect(rows.filter((row) => !/^(tool,|-)/.test(row))).toEqual(Object.keys(TESTS))
  const tests = sources.join('').replace(/const TESTS[\s\S]*?\n}/, '')
  for (const name of Object.values(TESTS).flat()) expect(tests).toContain(name)
})
