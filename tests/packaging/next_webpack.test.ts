// Next.js built by webpack, in a monorepo: the app imports a package of the workspace, which imports guestpass.

import { cp, mkdir, rename, rm, symlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Browser } from 'guestpass-e2e/harness/browser.ts'
import { Child } from 'guestpass-e2e/harness/child.ts'
import { FaultProxy } from 'guestpass-e2e/harness/fault_proxy.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectEarlyLogin, GUEST, shownAt } from './page.ts'
import { freePort, npmRun, startScript } from './program.ts'
import { work } from './tarball.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const monorepo = join(work, 'next-monorepo')
const app = join(monorepo, 'apps/web')
let server: Server
let env: Record<string, string>

/** Builds the example `next` once, with the files of `pages/next-monorepo` around it. */
beforeAll(async () => {
  const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
  await rm(monorepo, { recursive: true, force: true })
  const filter = (name: string) => !/(node_modules|\.next|edge)$/.test(name)
  await cp(path('../../examples/next'), app, { recursive: true, filter })
  await rename(join(app, 'next.config.mjs'), join(app, 'next.app.mjs'))
  await cp(path('pages/next-monorepo'), monorepo, { recursive: true })
  // As npm install does with a workspace.
  await mkdir(join(monorepo, 'node_modules'))
  await symlink('../packages/shop-session', join(monorepo, 'node_modules/shop-session'))
  server = await Server.start()
  env = { API: server.url, NEXT_TELEMETRY_DISABLED: '1', TRACING_ROOT: root }
  await npmRun(app, 'build:webpack', env)
}, 300_000)

afterAll(async () => {
  await server?.[Symbol.asyncDispose]()
})

test('next start: the page logs in early, and the route handler of the Node runtime has a guest', async () => {
  const args = ['--hostname', '127.0.0.1', '--port', '0']
  const next = await startScript(app, 'start', { args, env, ready: /Local:\s+(http:\S+)/ })
  try {
    await using proxy = await FaultProxy.start(next.greeting)
    await using browser = await Browser.start()
    await expectEarlyLogin(await browser.openTab(), proxy, server)
    await expectGuestAt(`${next.greeting}/server`)
  } finally {
    await next.stop()
  }
})

test('standalone: the page and the route handler of the Node runtime have guests', async () => {
  const folder = join(app, '.next/standalone', relative(root, app))
  await cp(join(app, '.next/static'), join(folder, '.next/static'), { recursive: true })
  const next = await Child.start({
    command: process.execPath,
    args: ['server.js'],
    cwd: folder,
    env: { ...env, HOSTNAME: '127.0.0.1', PORT: String(await freePort()) },
    ready: /Local:\s+(http:\S+)/,
  })
  try {
    expect(await shownAt(next.greeting)).toEqual({ guest: expect.stringMatching(GUEST) })
    await expectGuestAt(`${next.greeting}/server`)
  } finally {
    await next.stop()
  }
})

async function expectGuestAt(url: string): Promise<void> {
  const response = await fetch(url)
  expect(await response.json()).toMatchObject({ id: expect.stringMatching(GUEST) })
}
