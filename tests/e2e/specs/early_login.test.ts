// The login that a script in the head of the page starts, while the app is not loaded.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { earlyLogin } from 'guestpass/early-login'
import { expect, test } from 'vitest'
import { Browser } from '../harness/browser.ts'
import { Hold, lost, reset, unavailable } from '../harness/faults.ts'
import { type FaultyFixture, type FixtureOptions, faultyFixture } from '../harness/fixture.ts'

const LOGIN = 'POST /anonymous-login'

/** A test of the page with the script. `app` holds the code of the app back until it is released. */
function earlyFixture(options: FixtureOptions, run: (fixture: FaultyFixture & { app: Hold }) => Promise<void>) {
  return faultyFixture({ page: '/early_login.html', ...options }, async (fixture) => {
    const page = await (await fetch(fixture.visitor.url)).text()
    const [, code] = /<script type="module"[^>]* src="([^"]+)"/.exec(page) ?? []
    if (!code) throw new Error('the page loads no module')
    const app = new Hold()
    fixture.proxy.inject(`GET ${code}`, app)
    await run({ ...fixture, app })
  })
}

test(
  'C2 C19 a first visit logs in once, before the app is loaded; a returning visitor does not',
  earlyFixture({}, async ({ server, visitor, proxy, app }) => {
    const shop = await visitor.startOpening()
    await expect.poll(() => proxy.requestsOf(LOGIN).map(({ status }) => status)).toEqual([200])
    app.release()

    const guest = await shop.waitUntilOpen()
    expect(await shop.me()).toBe(guest)
    expect(await shop.requests(LOGIN)).toBe(1)
    expect(await shop.waitingForLocks()).toBe(0)
    await shop.tab.reload()
    expect(await shop.waitUntilOpen()).toBe(guest)
    expect(await shop.requests(LOGIN)).toBe(0)
    expect(proxy.requestsOf(LOGIN)).toHaveLength(1)
    expect(await server.guests()).toEqual([guest])
    expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])
  }),
)

test(
  'C19 two tabs opened at the same moment have one guest',
  earlyFixture({}, async ({ server, visitor, app }) => {
    app.release()
    const [one, other] = await visitor.openTwo()

    const guest = await one.waitUntilActive()
    expect(await other.me()).toBe(guest)
    expect(await server.guests()).toEqual([guest])
    expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])
  }),
)

test(
  'C19 the visitor reloads while the login is under way: one guest',
  earlyFixture({}, async ({ server, visitor, proxy, app }) => {
    const slow = new Hold()
    proxy.inject(LOGIN, slow, 1)
    const shop = await visitor.startOpening()
    await expect.poll(() => proxy.requestsOf(LOGIN).length).toBe(1)
    await shop.tab.reload()
    await expect.poll(() => proxy.requestsOf(LOGIN).map(({ status }) => status)).toEqual([undefined, 200])
    slow.release()
    app.release()

    const guest = await shop.waitUntilOpen()
    await expect.poll(() => proxy.requestsOf(LOGIN).map(({ status }) => status)).toEqual([200, 200])
    expect(await shop.me()).toBe(guest)
    expect(await server.guests()).toEqual([guest])
  }),
)

test(
  'C19 the visitor leaves before the app is loaded, and comes back: one guest',
  earlyFixture({}, async ({ server, visitor, proxy, app }) => {
    const shop = await visitor.startOpening()
    await expect.poll(() => proxy.requestsOf(LOGIN).map(({ status }) => status)).toEqual([200])
    await shop.tab.startLoading('about:blank')
    app.release()
    await shop.tab.until('the page is gone', () => location.href === 'about:blank')
    await shop.tab.startLoading(new URL('/', visitor.url).href)

    const guest = await shop.waitUntilOpen()
    expect(await shop.me()).toBe(guest)
    expect(await server.guests()).toEqual([guest])
    expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])
  }),
)

test.for([lost, reset, unavailable].map((fault) => [fault.name, fault] as const))(
  'C19 the early login fails, and the session repeats it: one guest (%s)',
  ([, fault]) =>
    earlyFixture({}, async ({ server, visitor, proxy, app }) => {
      proxy.inject(LOGIN, fault, 1)
      const shop = await visitor.startOpening()
      await expect.poll(() => proxy.requestsOf(LOGIN).length).toBe(1)
      app.release()

      const guest = await shop.waitUntilOpen()
      expect(await shop.me()).toBe(guest)
      expect(await shop.requests(LOGIN)).toBe(2)
      expect(await server.guests()).toEqual([guest])
      expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])
    })(),
)

test(
  'C19 the server demands a proof of work: the session answers the challenge to the early login',
  earlyFixture({ flags: ['--login-proof', '100'] }, async ({ server, visitor, proxy, app }) => {
    const shop = await visitor.startOpening()
    await expect.poll(() => proxy.requestsOf(LOGIN).map(({ status }) => status)).toEqual([428])
    app.release()

    const guest = await shop.waitUntilOpen()
    expect(proxy.requestsOf(LOGIN).map(({ status }) => status)).toEqual([428, 200])
    expect(await server.guests()).toEqual([guest])
  }),
)

test.runIf((process.env.ENGINE ?? 'chromium') === 'chromium')(
  'C2 a prerendered page logs in when it is shown, once',
  async () => {
    const requests: string[] = []
    const rules = JSON.stringify({ prerender: [{ urls: ['/shop'], eagerness: 'immediate' }] })
    const pages: Record<string, string> = {
      '/': `<script type="speculationrules">${rules}</script><a href="/shop" data-testid="open">shop</a>`,
      '/shop': `<script>${earlyLogin()}</script><script>fetch('/ran?' + document.prerendering)</script>`,
    }
    const server = createServer(({ method, url = '' }, response) => {
      requests.push(`${method} ${url}`)
      response.setHeader('Content-Type', 'text/html').end(`<!doctype html><title>shop</title>${pages[url] ?? ''}`)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    await using browser = await Browser.start()
    const tab = await browser.openTab()
    await tab.startLoading(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await expect.poll(() => requests).toContain('GET /ran?true')
    expect(requests).not.toContain(LOGIN)

    await tab.evaluate(() => document.querySelector('a')?.click())

    await expect.poll(() => requests.filter((request) => request === LOGIN)).toEqual([LOGIN])
    expect(requests.filter((request) => request === 'GET /shop')).toHaveLength(1)
    server.closeAllConnections()
    server.close()
  },
)
