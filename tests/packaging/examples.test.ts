// The examples: built and started by their own scripts, with the packed package, and used in Chromium with the real server.

import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Browser, type Tab } from 'guestpass-e2e/harness/browser.ts'
import type { Child } from 'guestpass-e2e/harness/child.ts'
import { FaultProxy } from 'guestpass-e2e/harness/fault_proxy.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'
import { consoleErrors, consoleLines, expectEarlyLogin, GUEST, press, requestersOf, shownIn, texts } from './page.ts'
import { freePort, npmRun, startScript } from './program.ts'
import { example, packed, pageWithoutBundler, tarball } from './tarball.ts'

const run = promisify(execFile)

async function viteBuild(): Promise<string> {
  const folder = await example('vite')
  await npmRun(folder, 'build')
  return join(folder, 'dist')
}

test('vite: the visitor of the built page becomes a guest while the code is loaded', async () => {
  await using server = await Server.start(['--static', await viteBuild()])
  await using proxy = await FaultProxy.start(server.url)
  await using browser = await Browser.start()

  await expectEarlyLogin(await browser.openTab(), proxy, server)
})

test('vite: the panel for developers is loaded on demand, expires a token, revokes a session and cuts the connection', async () => {
  await using server = await Server.start(['--static', await viteBuild()])
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  const loaded = (part: string) =>
    performance.getEntriesByType('resource').filter(({ name }) => name.includes(part)).length
  const shows = (text: string) =>
    tab.until(`the panel shows ${text}`, (text) => document.querySelector('details')?.textContent.includes(text), text)
  await tab.startLoading(server.url)
  await shownIn(tab)
  expect(await tab.evaluate(loaded, 'devtools')).toBe(0)

  await tab.startLoading(`${server.url}/#panel`)
  await tab.reload()
  const [first] = await server.guests()
  await shows('guestpass: active')
  await shows(String(first))
  expect(await tab.evaluate(loaded, 'devtools')).toBe(1)

  await press(tab, 'Expire token')
  await press(tab, 'Visit')
  await shows('refreshed')

  await press(tab, 'Go offline')
  await shows('offline')
  await press(tab, 'Visit')
  await tab.until('a request fails', () => /offline/.test(document.querySelector('[role=alert]')?.textContent ?? ''))
  await press(tab, 'Go online')

  await press(tab, 'Revoke session')
  await tab.until('the session is revoked', loaded, '/revoke')
  await press(tab, 'Visit')
  await shows('identity')
  expect(await server.guests()).toHaveLength(2)
})

test('vite: the page works in development', async () => {
  await using server = await Server.start()
  const folder = await example('vite')
  const vite = await startScript(folder, 'dev', {
    args: ['--host', '127.0.0.1', '--port', String(await freePort())],
    env: { API: server.url },
    ready: /Local:\s+(http:\S+)/,
  })
  try {
    await using browser = await Browser.start()
    const tab = await browser.openTab()
    await tab.startLoading(vite.greeting)

    expect(await shownIn(tab)).toEqual({ guest: expect.stringMatching(GUEST) })
    expect(await server.guests()).toHaveLength(1)
    expect(await consoleErrors(tab)).toEqual([])
  } finally {
    await vite.stop()
  }
})

test('axios: requests have the token of the guest', async () => {
  const folder = await example('axios')
  await npmRun(folder, 'build')
  await using server = await Server.start(['--static', join(folder, 'dist')])
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  await tab.startLoading(server.url)
  await tab.until('the page is ready', () => document.querySelector('button')?.onclick)

  await press(tab, 'Add a teapot')
  await expect.poll(() => texts(tab, 'li')).toEqual(['1 × teapot'])
  await press(tab, 'Add a teapot')
  await expect.poll(() => texts(tab, 'li')).toEqual(['2 × teapot'])

  expect(await texts(tab, 'output')).toEqual(await server.guests())
  expect(await consoleErrors(tab)).toEqual([])
})

test('plain-page: a page without a bundler has a guest', async () => {
  await expectPreload(await pageWithoutBundler('../../examples/plain-page'))
})

test('plain-page: with the program of the guide, the page logs in early', async () => {
  const folder = await pageWithoutBundler('../../examples/plain-page')
  const guide = await readFile(new URL('../../docs/guides/loading.md', import.meta.url), 'utf8')
  const [, program = ''] = /```ts\n(\/\/ early-login\.mjs\n.*?)```/s.exec(guide) ?? []
  await writeFile(join(folder, 'early-login.mjs'), program)
  await rename(join(folder, 'index.html'), join(folder, 'template.html'))
  await edit(join(folder, 'template.html'), (page) => page.replace('<title>', '<!-- early login -->\n<title>'))
  await cp(join(packed, 'package.json'), join(folder, 'node_modules/guestpass/package.json'))
  const { stdout } = await run(process.execPath, ['early-login.mjs'], { cwd: folder })
  await using server = await Server.start(['--static', folder])
  await using proxy = await FaultProxy.start(server.url)
  await using browser = await Browser.start()

  expect(stdout).toMatch(/^'sha256-[^']+'\n$/)
  await expectEarlyLogin(await browser.openTab(), proxy, server)
})

/** Serves a folder, and expects that its page has a guest, and has fetched the compiled code once, by the preload. */
async function expectPreload(folder: string): Promise<void> {
  await using server = await Server.start(['--static', folder])
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  await tab.startLoading(server.url)
  expect(await shownIn(tab)).toEqual({ guest: expect.stringMatching(GUEST) })
  expect(await requestersOf(tab, '.wasm')).toEqual(['link'])
  expect(await consoleLines(tab)).toEqual([])
}

test('webpack: the built page has a guest', async () => {
  const folder = await example('webpack')
  const { stdout } = await npmRun(folder, 'build')
  expect(stdout).not.toMatch(/warning/i)

  await expectPreload(join(folder, 'page'))
})

test('angular: the visitor of the built page becomes a guest', async () => {
  const folder = await example('angular')
  await npmRun(folder, 'build')
  await using server = await Server.start(['--static', join(folder, 'dist')])
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  await tab.startLoading(server.url)
  await tab.until('the page has a button', () => document.querySelector('button'))
  expect(await server.guests()).toEqual([])

  await press(tab, 'Visit')

  expect(await shownIn(tab)).toEqual({ guest: expect.stringMatching(GUEST) })
  expect(await consoleErrors(tab)).toEqual([])
})

test('angular: the page works in development', async () => {
  await using server = await Server.start()
  const angular = await startScript(await example('angular'), 'start', {
    args: ['--host', '127.0.0.1', '--port', String(await freePort())],
    env: { API: server.url },
    ready: /Local:\s+(http:\S+)/,
  })
  try {
    await using browser = await Browser.start()
    const tab = await browser.openTab()
    await tab.startLoading(angular.greeting)
    await tab.until('the page has a button', () => document.querySelector('button'))
    await press(tab, 'Visit')

    expect(await shownIn(tab)).toEqual({ guest: expect.stringMatching(GUEST) })
    expect(await consoleErrors(tab)).toEqual([])
  } finally {
    await angular.stop()
  }
})

test('next: the server renders an idle session, the browser continues it without a mismatch, and both runtimes of the server have guests', async () => {
  await using server = await Server.start()
  const folder = await example('next')
  const env = { API: server.url, NEXT_TELEMETRY_DISABLED: '1' }
  await npmRun(folder, 'build', env)
  const args = ['--hostname', '127.0.0.1', '--port', '0']
  const next = await startScript(folder, 'start', { args, env, ready: /Local:\s+(http:\S+)/ })
  try {
    const html = await (await fetch(next.greeting)).text()
    expect(html).toContain('<span>idle</span>')
    expect(await server.guests()).toEqual([])

    await using proxy = await FaultProxy.start(next.greeting)
    await using browser = await Browser.start()
    await expectEarlyLogin(await browser.openTab(), proxy, server)

    for (const path of ['server', 'edge']) {
      const response = await fetch(`${next.greeting}/${path}`)
      expect(await response.json()).toMatchObject({ id: expect.stringMatching(GUEST) })
    }
  } finally {
    await next.stop()
  }
})

test('react-router: the server renders an idle session, and the clientLoader has the guest', async () => {
  const port = String(await freePort())
  const url = `http://127.0.0.1:${port}`
  await using proxy = await FaultProxy.start(url)
  await using server = await Server.start(['--cors-origin', proxy.url])
  const folder = await example('react-router')
  await npmRun(folder, 'build', { VITE_API: server.url, NODE_ENV: 'production' })
  const env = { HOST: '127.0.0.1', PORT: port, NODE_ENV: 'production' }
  const router = await startScript(folder, 'start', { env, ready: /(http:\/\/\S+)/ })
  try {
    const html = await (await fetch(url)).text()
    expect(html).toContain('The session is idle.')
    expect(await server.guests()).toEqual([])

    await using browser = await Browser.start()
    await expectEarlyLogin(await browser.openTab(), proxy, server)
  } finally {
    await router.stop()
  }
})

test.each(['guestpass', 'guestpass/inline'])(
  'node: the program is a guest, after npm install, by the entry %s',
  async (entry) => {
    await using server = await Server.start()
    // Outside the workspace: only npm install brings the package.
    const folder = await mkdtemp(join(tmpdir(), 'guestpass-node-'))
    await cp(await example('node'), folder, { recursive: true })
    await edit(join(folder, 'main.mjs'), (text) => text.replace("from 'guestpass'", `from '${entry}'`))
    await run('npm', ['install', '--offline', '--no-audit', '--no-fund', '--prefix', folder, tarball])

    const { stdout, stderr } = await run(process.execPath, [join(folder, 'main.mjs'), server.url])

    expect(stderr).toBe('')
    expect(stdout.trim().split('\n')).toEqual([expect.stringMatching(GUEST)])
    await rm(folder, { recursive: true })
  },
)

async function edit(file: string, change: (text: string) => string): Promise<void> {
  await writeFile(file, change(await readFile(file, 'utf8')))
}

/** The built page of the example streams behind a server, with its service, in one tab. */
async function withStreams(use: (streams: Streams) => Promise<void>): Promise<void> {
  const folder = await example('streams')
  const port = String(await freePort())
  await npmRun(folder, 'build', { VITE_SERVICE: `http://127.0.0.1:${port}` })
  await using server = await Server.start(['--static', join(folder, 'dist')])
  await using browser = await Browser.start()
  const env = { GUESTPASS: server.url, PAGE: server.url, PORT: port }
  const start = () => startScript(folder, 'service', { env, ready: /^listening on (\S+)$/m })
  const streams = { server, tab: await browser.openTab(), service: await start(), start }
  try {
    await streams.tab.startLoading(server.url)
    await expect.poll(() => texts(streams.tab, '#news li')).not.toEqual([])
    await use(streams)
  } finally {
    await streams.service.stop()
  }
}

interface Streams {
  readonly server: Server
  readonly tab: Tab
  service: Child
  /** Starts the service on its port. */
  readonly start: () => Promise<Child>
}

test('C8, C13: streams: tokens reach the allowed origin, are in no URL, and both streams end with the session', () =>
  withStreams(async ({ server, tab, service }) => {
    const [guest] = await server.guests()
    await tab.until('the chat is open', () => document.querySelector('form')?.onsubmit)
    await tab.evaluate(() => {
      const form = document.querySelector('form') as HTMLFormElement
      const field = form.elements.namedItem('text') as HTMLInputElement
      field.value = 'Hello'
      form.requestSubmit()
    })
    await expect.poll(() => texts(tab, '#chat li')).toEqual([`${guest}: Hello`])
    expect(service.stdout.match(/^(GET|WebSocket) .*$/gm)?.toSorted()).toEqual(['GET /news', 'WebSocket /chat'])

    await press(tab, 'Sign out')

    await expect.poll(() => texts(tab, '#chat li')).toEqual([`${guest}: Hello`, 'closed (3000)'])
    await expect.poll(() => texts(tab, '[role=alert]')).toEqual([expect.stringMatching(/signed out/)])
    expect(await texts(tab, 'output')).toEqual(['not a guest'])
    expect(await server.guests()).toHaveLength(1)
  }))

test('streams: after a restart of the service, the news continue without a gap', () =>
  withStreams(async (streams) => {
    const { server, tab } = streams
    await streams.service.stop()
    const before = (await texts(tab, '#news li')).length

    streams.service = await streams.start()

    await expect.poll(async () => (await texts(tab, '#news li')).length).toBeGreaterThan(before)
    const [guest] = await server.guests()
    const news = await texts(tab, '#news li')
    expect(news).toEqual(news.map((_, index) => `number ${index + 1} for ${guest}`))
  }))

test('vitest: its test passes', async () => {
  const { stdout } = await npmRun(await example('vitest'), 'test')

  expect(stdout).toMatch(/Tests {2}1 passed/)
})

test.each(['test', 'test:modules'])('jest: its tests pass, by npm run %s', async (script) => {
  const { stderr } = await npmRun(await example('jest'), script)

  expect(stderr).toMatch(/Tests: {7}2 passed/)
})
