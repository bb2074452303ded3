// The plugin for Vite, with the packed package: what it adds to built pages, and those pages in Chromium with the real server.

import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { GuestpassPluginOptions } from 'guestpass/vite'
import { Browser, type Tab } from 'guestpass-e2e/harness/browser.ts'
import { type Exchange, type Fault, FaultProxy } from 'guestpass-e2e/harness/fault_proxy.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { createLogger, createServer, type InlineConfig, type PluginOption, version, build as viteBuild } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { consoleLines, GUEST, requestersOf, shownIn } from './page.ts'
import { freePort } from './program.ts'
import { packed, work } from './tarball.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const app = join(work, 'vite-plugin')
let guestpass: typeof import('guestpass/vite').guestpass
let browser: Browser

beforeAll(async () => {
  await cp(path('pages/vite-plugin'), app, { recursive: true })
  const plugin: typeof import('guestpass/vite') = await import(pathToFileURL(join(packed, 'dist/vite.js')).href)
  guestpass = plugin.guestpass
  browser = await Browser.start()
}, 60_000)

afterAll(() => browser?.[Symbol.asyncDispose]())

const PAGES = ['index.html', 'about.html', 'shop/index.html'].map((name) => join(app, name))

/** A configuration with the plugin, or without it if there are no options. */
function configOf(options: GuestpassPluginOptions | undefined, ...configs: InlineConfig[]): InlineConfig {
  // The plugin is assignable to the type of Vite.
  const plugin: PluginOption = options && guestpass(options)
  const plugins: PluginOption[] = [plugin, ...configs.flatMap(({ plugins }) => plugins ?? [])]
  return Object.assign({ root: app, configFile: false }, ...configs, { plugins })
}

let folders = 0

/** A new folder with a page: the server demands one. */
async function newFolder(): Promise<string> {
  const folder = join(work, `vite-plugin-${++folders}`)
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'index.html'), '')
  return folder
}

/** A built app, and what the build has printed. */
interface Built {
  readonly folder: string
  readonly printed: string
  page(name: string): Promise<string>
}

/** Builds the app with the plugin, into `outDir`. */
async function build(
  options: GuestpassPluginOptions | undefined,
  config: InlineConfig = {},
  vite = viteBuild,
  outDir?: string,
): Promise<Built> {
  const folder = outDir ?? (await newFolder())
  const customLogger = createLogger()
  const lines: string[] = []
  for (const level of ['info', 'warn', 'error'] as const) customLogger[level] = (line) => void lines.push(line)
  const output = { outDir: folder, emptyOutDir: false, rollupOptions: { input: PAGES } }
  await vite(configOf(options, { customLogger, logLevel: 'warn', build: output }, config))
  return { folder, printed: lines.join('\n'), page: (name) => readFile(join(folder, name), 'utf8') }
}

const preloads = (html: string) => [...html.matchAll(/<link rel="preload" [^>]*>/g)].map(([link]) => link)
/** The texts of the inline scripts that come before each other script of a page. */
const scripts = (html: string) =>
  [...html.replace(/<script [^>]*src=[\s\S]*/, '').matchAll(/<script>(.*?)<\/script>/gs)].map(([, text]) => text)
const EARLY_LOGIN = expect.stringContaining('/anonymous-login')
const FILE = 'assets/guestpass_sdk_bg-[\\w-]+\\.wasm'

/** A plugin that inserts a script, as that for React does. */
const another: PluginOption = {
  name: 'another',
  transformIndexHtml: () => [{ tag: 'script', children: '/* another */', injectTo: 'head-prepend' }],
}

/** The major versions of Vite that the workspace has. The packages of Angular bring the older one. */
const angular = createRequire(path('../../examples/angular/package.json')).resolve('vite/package.json')
const older = await import(pathToFileURL(join(angular, '../dist/node/index.js')).href)
const VITES: [version: string, build: typeof viteBuild][] = [
  [version, viteBuild],
  [older.version, older.build],
]

test.each(VITES)(
  'Vite %s: pages whose script imports the package get the early login and the preload',
  async (_version, vite) => {
    const built = await build({ earlyLogin: true }, {}, vite)

    const index = await built.page('index.html')
    expect(scripts(index)).toEqual([EARLY_LOGIN])
    expect(preloads(index)).toEqual([
      expect.stringMatching(`^<link rel="preload" as="fetch" type="application/wasm" crossorigin href="/${FILE}">$`),
    ])
    // Browsers look for the encoding in the first 1,024 bytes (HTML, 4.2.5.4).
    expect(index.lastIndexOf('charset')).toBeLessThan(index.indexOf('<script'))
    const inFolder = await built.page('shop/index.html')
    expect(scripts(inFolder)).toEqual([EARLY_LOGIN])
    expect(preloads(inFolder)).toEqual(preloads(index))
    const about = await built.page('about.html')
    expect([...scripts(about), ...preloads(about)]).toEqual([])
  },
)

test('Vite: the early login comes before the scripts of other plugins, with the options of the session', async () => {
  const earlyLogin = { baseUrl: 'https://api.shop.example', name: 'shop' }
  const built = await build({ preload: false, earlyLogin }, { plugins: [another] })

  const index = await built.page('index.html')
  expect(scripts(index)).toEqual([expect.stringMatching(/"https:\/\/api\.shop\.example".*"shop"/), '/* another */'])
  expect(preloads(index)).toEqual([])
})

test('Vite: a build of which no page imports the package says so', async () => {
  const input = join(app, 'about.html')
  const { printed } = await build(
    { earlyLogin: true },
    { build: { outDir: join(app, 'dist'), rollupOptions: { input } } },
  )

  expect(printed).toContain("no HTML page of the build imports 'guestpass'")
})

test.each([
  [
    'returns a URL',
    (file: string) => `https://cdn.example/${file}`,
    [`https://cdn.example/${FILE}`, `https://cdn.example/${FILE}`],
  ],
  ['returns relative', () => ({ relative: true }), [FILE, `\\.\\./${FILE}`]],
  [
    'decides at run time',
    (file: string, { hostType }: { hostType: string }) =>
      hostType === 'js' ? { runtime: `cdn("${file}")` } : undefined,
    [],
  ],
])('Vite: renderBuiltUrl that %s', async (_what, renderBuiltUrl, expected) => {
  const built = await build({}, { experimental: { renderBuiltUrl } })

  const pages = await Promise.all(['index.html', 'shop/index.html'].map(built.page))
  const hrefs = pages.flatMap(preloads).map((link) => /href="(.*?)"/.exec(link)?.[1])
  expect(hrefs).toEqual(expected.map((href) => expect.stringMatching(`^${href}$`)))
})

/** A page on a server, in a new tab, when it shows its guest. */
interface Opened {
  readonly tab: Tab
  readonly server: Server
  /** All requests of the page. */
  readonly requests: readonly string[]
}

/** What is served, and how. */
interface Site {
  readonly options: GuestpassPluginOptions | undefined
  readonly config?: InlineConfig
  /** The path of the page. Default: `/`. */
  readonly page?: string
  /** Whether the base is the URL of another server. */
  readonly cdn?: boolean
  /** The Content-Security-Policy of the page. */
  readonly policy?: (built: Built) => string
  /** Whether the server delivers no script before it has received the login. Default: true. */
  readonly held?: boolean
}

/** Builds the app, and serves it with the API from one origin. Opens its page, and waits until the page shows its guest. */
async function open(
  { options, config = {}, page = '/', cdn = false, policy, held = true }: Site,
  use: (opened: Opened) => Promise<void>,
): Promise<void> {
  const folder = await newFolder()
  await using server = await Server.start(['--static', folder])
  await using site = await FaultProxy.start(server.url)
  await using other = await FaultProxy.start(server.url)
  const base = cdn ? `${other.url}/` : config.base
  const outDir = base?.startsWith('/') ? join(folder, base) : folder
  const built = await build(options, { ...config, ...(base && { base }) }, viteBuild, outDir)
  const login = () => expect.poll(() => site.requestsOf('POST /anonymous-login')).not.toEqual([])
  for (const name of await readdir(folder, { recursive: true })) {
    const isHeld = held && name.endsWith('.js')
    const file: Fault = {
      name: isHeld ? 'waits for the login' : 'allows other origins',
      apply: async (exchange) => {
        if (isHeld) await login()
        const { headers, ...response } = await exchange.forward()
        exchange.respond({ ...response, headers: { ...headers, 'Access-Control-Allow-Origin': '*' } })
      },
    }
    if (cdn || isHeld) for (const proxy of [site, other]) proxy.inject(`GET /${name}`, file)
  }
  if (policy) {
    const apply = async (exchange: Exchange) => {
      const { headers, ...response } = await exchange.forward()
      exchange.respond({ ...response, headers: { ...headers, 'Content-Security-Policy': policy(built) } })
    }
    site.inject(`GET ${page}`, { name: 'has a policy', apply })
  }
  const tab = await browser.openTab()

  await tab.startLoading(site.url + page)

  expect(await shownIn(tab)).toEqual({ guest: expect.stringMatching(GUEST) })
  await use({ tab, server, requests: [...site.requests, ...other.requests].map(({ request }) => request) })
}

/** Expects one login, and one request for the compiled code, that of the preload. */
async function expectOneOfEach({ tab, server, requests }: Opened): Promise<void> {
  expect(requests.filter((request) => request.startsWith('POST'))).toEqual(['POST /anonymous-login'])
  expect(await server.guests()).toHaveLength(1)
  expect(requests.filter((request) => request.endsWith('.wasm'))).toHaveLength(1)
  expect(await requestersOf(tab, '.wasm')).toEqual(['link'])
}

test.each<[base: string, site: Omit<Site, 'options'>]>([
  ['/', {}],
  ['/shop/', { config: { base: '/shop/' }, page: '/shop/' }],
  ['./', { config: { base: './' }, page: '/shop/' }],
  ['of another server', { cdn: true }],
])('Vite, base %s: the page logs in before its script is there, and loads the compiled code once', (_base, site) =>
  open({ ...site, options: { earlyLogin: true } }, async (opened) => {
    await expectOneOfEach(opened)
    expect(await consoleLines(opened.tab)).toEqual([])
  }),
)

const POLICY = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'"
const HASH = /for script-src, the early login is ('sha256-[^']+')/

test('Vite: the build prints the hash with which a Content-Security-Policy allows the early login', () =>
  open(
    { options: { earlyLogin: true }, policy: ({ printed }) => `${POLICY} ${HASH.exec(printed)?.[1]}` },
    async (opened) => {
      await expectOneOfEach(opened)
      expect(await consoleLines(opened.tab)).toEqual([])
    },
  ))

test('Vite: html.cspNonce allows the early login, and the build prints no hash', () =>
  open(
    {
      options: { earlyLogin: true },
      config: { html: { cspNonce: 'r4nd0m' } },
      policy: ({ printed }) => {
        expect(printed).not.toContain('sha256')
        return "default-src 'self'; script-src 'nonce-r4nd0m' 'strict-dynamic' 'wasm-unsafe-eval'"
      },
    },
    async (opened) => {
      await expectOneOfEach(opened)
      expect(await consoleLines(opened.tab)).toEqual([])
    },
  ))

test('Vite: when the Content-Security-Policy has another hash, the session logs in itself', () =>
  open(
    { options: { earlyLogin: true }, policy: () => `${POLICY} 'sha256-${btoa('another')}'`, held: false },
    async (opened) => {
      await expectOneOfEach(opened)
      expect(await consoleLines(opened.tab)).toEqual([expect.stringContaining('Content Security Policy')])
    },
  ))

test('Vite, built without the plugin: the page has a guest', () =>
  open({ options: undefined, held: false }, async ({ tab }) => {
    expect(await requestersOf(tab, '.wasm')).toEqual(['fetch'])
    expect(await consoleLines(tab)).toEqual([])
  }))

/** Opens the page on a development server, and waits until it shows its guest. Resolves with the order of login and compiled code. */
async function develop(options: GuestpassPluginOptions | undefined, create: typeof createServer): Promise<string[]> {
  await using api = await Server.start()
  const proxy = { '/anonymous-login': api.url, '/me': api.url }
  const server = { host: '127.0.0.1', port: await freePort(), proxy }
  const vite = await create(configOf(options, { plugins: [another], server, logLevel: 'silent' }))
  try {
    const tab = await browser.openTab()
    await vite.listen()

    await tab.startLoading(vite.resolvedUrls?.local[0] ?? '')

    expect(await shownIn(tab)).toEqual({ guest: expect.stringMatching(GUEST) })
    expect(await api.guests()).toHaveLength(1)
    expect(await consoleLines(tab)).toEqual([])
    return await tab.evaluate(() =>
      performance
        .getEntriesByType('resource')
        .toSorted((a, b) => a.startTime - b.startTime)
        .flatMap(({ name }) => /anonymous-login$|\.wasm$/.exec(name) ?? []),
    )
  } finally {
    await vite.close()
  }
}

test.each([
  [version, createServer],
  [older.version, older.createServer],
])(
  'Vite, in development: the page logs in early, and loads the compiled code once (Vite %s)',
  async (_version, create) => {
    // A session logs in when it has the compiled code.
    expect(await develop({ earlyLogin: true }, create)).toEqual(['anonymous-login', '.wasm'])
  },
)

test('Vite in development, without the plugin: the page has a guest', async () => {
  expect(await develop(undefined, createServer)).toEqual(['.wasm', 'anonymous-login'])
})
