// Logins that need a proof of work or a CAPTCHA: by the library of ALTCHA, and by the package in Node and in pages.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { type Challenge, solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import { createSession, type Session, type SessionEvent, type SessionOptions } from 'guestpass'
import { Browser, type Tab } from 'guestpass-e2e/harness/browser.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'
import { StaticPage } from './static_page.ts'

declare global {
  interface Window {
    workers: number
    asked: Promise<{ id: string }>
  }
}

interface Demand {
  readonly code: string
  readonly challenge: Challenge
}

/** An attempt takes so long that no test sees the end. */
const ENDLESS = ['--login-proof', '100000']

test('the ALTCHA library solves the challenge of a login, and the server accepts the solution', async () => {
  await using server = await Server.start(['--login-proof', '20'])

  for (const key of [undefined, 'k_-GqFbKvQ0r8pWm2ZtYxA']) {
    const login = (proof?: string) =>
      fetch(`${server.url}/anonymous-login`, {
        method: 'POST',
        headers: { ...(key && { 'Idempotency-Key': key }), ...(proof && { 'Proof-Of-Work': proof }) },
      })

    const asked = await login()

    expect(asked.status).toBe(428)
    expect(asked.headers.get('content-type')).toBe('application/problem+json')
    const { code, challenge } = (await asked.json()) as Demand
    expect(code).toBe('proof_required')
    const solution = await solveChallenge({ challenge, deriveKey })
    const response = await login(btoa(JSON.stringify({ challenge, solution })))
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ anonymous_id: expect.stringMatching(/^anonymous_/) })
  }
})

test('the package solves the challenge in Node, and reports its progress', async () => {
  await using server = await Server.start(['--login-proof', '500'])
  const { session, events } = observed({ baseUrl: server.url })

  expect((await session.fetch('/me/cart')).status).toBe(200)

  const proofs = events.filter(({ type }) => type === 'proof')
  expect(proofs[0]).toMatchObject({ state: 'solving', attempts: 0, expected: 256 })
  expect(proofs.at(-1)).toMatchObject({ state: 'solved', attempts: expect.any(Number), expected: 256 })
  expect(events.at(-1)).toMatchObject({ type: 'acquired' })
  expect(events.some(({ type }) => type === 'retrying')).toBe(false)
  session.close()
})

test('a solver stops when its last caller aborts, at a sign-out, and when the session is closed', async () => {
  await using server = await Server.start(ENDLESS)
  const reason = new Error('the visitor has left')
  const ends: [name: string, end: (session: Session, controller: AbortController) => unknown, error: object][] = [
    ['abort', (_, controller) => controller.abort(reason), reason],
    ['sign-out', (session) => session.signOut(), { code: 'signed_out' }],
    ['close', (session) => session.close(), { code: 'closed' }],
  ]
  for (const [name, end, error] of ends) {
    const { session, events } = observed({ baseUrl: server.url })
    const controller = new AbortController()
    const call = session.token({ signal: controller.signal }).catch((error) => error)
    await expect.poll(() => events).toContainEqual(expect.objectContaining({ type: 'proof', state: 'solving' }))

    await end(session, controller)

    expect(await call, name).toMatchObject(error)
    if (name !== 'close') {
      await expect.poll(() => events).toContainEqual(expect.objectContaining({ type: 'proof', state: 'failed' }))
    }
    session.close()
  }
})

test('a proof of work and a CAPTCHA together make one guest', async () => {
  await using service = await CaptchaService.start()
  await using server = await Server.start(['--login-proof', '20', ...service.flags])
  const tokens = ['wrong', 'right']
  const { session, events } = observed({ baseUrl: server.url, captcha: async () => tokens.shift() ?? '' })

  const [first, second] = await Promise.all([session.fetch('/me'), session.fetch('/me')])

  expect(await first.json()).toMatchObject({ id: session.getSnapshot().id })
  expect(second.status).toBe(200)
  expect(service.tokens).toEqual(['wrong', 'right'])
  expect(events.filter((event) => event.type === 'proof' && event.state === 'solved')).toHaveLength(1)
  session.close()
})

test('calls reject when the option captcha is missing, rejects or returns no token', async () => {
  await using service = await CaptchaService.start()
  await using server = await Server.start(service.flags)
  const cause = new Error('the visitor has closed the widget')
  const options: [SessionOptions['captcha'], error: object][] = [
    [undefined, { code: 'rejected', message: expect.stringContaining('set the option captcha') }],
    [() => Promise.reject(cause), { code: 'rejected', cause }],
    [async () => '', { code: 'rejected', message: expect.stringContaining('must return a token') }],
  ]
  for (const [captcha, error] of options) {
    const { session } = observed({ baseUrl: server.url, ...(captcha && { captcha }) })

    await expect(session.token()).rejects.toMatchObject(error)

    expect(session.getSnapshot()).toMatchObject({ status: 'unavailable', error: { code: 'rejected', retryAt: null } })
    session.close()
  }
  expect(service.tokens).toEqual([])
})

test('C19: two pages solve one challenge in a worker, and get one guest', async () => {
  await using page = await servedPage('proof_page.html', ['--login-proof', '500'])
  await using browser = await Browser.start()
  const [first, second] = [await browser.openTab(), await browser.openTab()]
  await load(first, page.url)
  await load(second, page.url)
  const ask = () => {
    window.asked = window.guestpass.fetch('/me').then((response) => response.json())
  }

  await first.evaluate(ask)
  await second.evaluate(ask)

  const { id } = await first.evaluate(() => window.asked)
  expect(id).toMatch(/^anonymous_/)
  expect(await second.evaluate(() => window.asked)).toMatchObject({ id })
  const workers = [await first.evaluate(() => window.workers), await second.evaluate(() => window.workers)]
  expect(workers.toSorted()).toEqual([0, 1])
})

test('a page that may not start workers solves the challenge on its own thread', async () => {
  await using page = await servedPage('proof_page_without_worker.html', ['--login-proof', '500'])
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  await load(tab, page.url)

  const status = await tab.evaluate(async () => (await window.guestpass.fetch('/me')).status)

  expect(status).toBe(200)
  expect(await tab.evaluate(() => window.workers)).toBe(0)
  expect(await tab.evaluate(() => window.events.map((event) => event.type))).toContain('proof')
})

function observed(options: SessionOptions): { session: Session; events: SessionEvent[] } {
  const session = createSession(options)
  const events: SessionEvent[] = []
  session.onEvent((event) => events.push(event))
  return { session, events }
}

function servedPage(name: string, flags: readonly string[]): Promise<StaticPage> {
  const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
  const files = {
    'index.html': here(name),
    'proof_page.js': here('proof_page.js'),
    'guestpass/dist': here('../../npm/dist'),
    'guestpass/pkg': here('../../npm/pkg'),
  }
  return StaticPage.serve(files, flags)
}

async function load(tab: Tab, url: string): Promise<void> {
  await tab.startLoading(url)
  await tab.until('the page has its session', () => window.guestpass)
}

/** Verifies tokens as Turnstile and hCaptcha do: only `right` is right. */
class CaptchaService implements AsyncDisposable {
  /** The tokens of all requests. */
  readonly tokens: (string | null)[] = []
  readonly #server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const form = new URLSearchParams(Buffer.concat(chunks).toString())
    this.tokens.push(form.get('response'))
    response.setHeader('Content-Type', 'application/json')
    response.end(JSON.stringify({ success: form.get('response') === 'right' }))
  })

  static async start(): Promise<CaptchaService> {
    const service = new CaptchaService()
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve))
    return service
  }

  /** The flags of a Guestpass server that asks this service. */
  get flags(): string[] {
    const { port } = this.#server.address() as AddressInfo
    return ['--captcha-verify-url', `http://127.0.0.1:${port}/`, '--captcha-secret', 'secret']
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
