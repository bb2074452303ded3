// Where the compiled code comes from, and pages where it does not come: old engines, no WebAssembly, no network, missing files.

import { cp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { GuestpassError, Session } from 'guestpass'
import { Browser, type Tab } from 'guestpass-e2e/harness/browser.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'
import { GUEST } from './page.ts'
import { pageWithoutBundler } from './tarball.ts'

/** Globals of the page `pages/loading`. */
declare const session: Session
declare const removed: string[]
declare const events: string[]

/** Opens the page `pages/loading`, after `change` has changed its files. */
async function open(flags: readonly string[], query = '', change = async (_folder: string): Promise<void> => {}) {
  const folder = await pageWithoutBundler('pages/loading')
  await cp(
    fileURLToPath(new URL('../../npm/test/programs/newer-apis.mjs', import.meta.url)),
    join(folder, 'newer-apis.mjs'),
  )
  await change(folder)
  const server = await Server.start(['--static', folder])
  const browser = await Browser.start([], flags)
  const end = () => Promise.all([browser, server].map((started) => started[Symbol.asyncDispose]()))
  const tab = await browser.openTab()
  await tab.startLoading(`${server.url}/${query}`)
  await tab.until('the page has a session', () => document.body?.dataset.ready === '')
  return { tab, folder, [Symbol.asyncDispose]: async () => void (await end()) }
}

/** Acquires a guest, renews its token, registers and signs out. Resolves with what happened. */
function wholeLife(tab: Tab) {
  return tab.evaluate(async () => {
    const me = async () => (await (await session.fetch('/me')).json()).id as string
    const first = await me()
    session.expire()
    const renewed = await me()
    const { id } = await session.register({ email: 'ada@shop.example', password: 'crème brûlée à Zürich '.repeat(4) })
    const { kind } = session.getSnapshot()
    await session.signOut()
    session.close()
    return { first, same: first === renewed, member: id !== null, kind, events }
  })
}

const LIFE = {
  ...{ first: expect.stringMatching(GUEST), same: true, member: true, kind: 'user' },
  events: expect.arrayContaining(['acquired', 'refreshed', 'identity', 'signed_out']),
}

/** The files of the compiled code that the page has requested. */
function requested(tab: Tab): Promise<string[]> {
  return tab.evaluate(() =>
    performance
      .getEntriesByType('resource')
      .map(({ name }) => name.replace(/.*\//, ''))
      .filter((name) => name.startsWith('guestpass_sdk_')),
  )
}

test('a session works without the APIs that newer engines have', async () => {
  await using page = await open([], '?old')

  expect(await page.tab.evaluate(() => removed)).toEqual(
    expect.arrayContaining(['URL.canParse', 'AbortSignal.any', 'Promise.withResolvers', 'Response.json', 'scheduler']),
  )
  expect(await wholeLife(page.tab)).toEqual(LIFE)
})

test('without WebAssembly, a page loads the same code as JavaScript', async () => {
  await using page = await open(['--js-flags=--jitless'])

  expect(await page.tab.evaluate(() => 'WebAssembly' in globalThis)).toBe(false)
  expect(await wholeLife(page.tab)).toEqual(LIFE)
  expect(await requested(page.tab)).toEqual(['guestpass_sdk_javascript.js'])
})

test('with WebAssembly, a page does not load the JavaScript', async () => {
  await using page = await open([])

  expect(await wholeLife(page.tab)).toEqual(LIFE)
  expect(await requested(page.tab)).toEqual(['guestpass_sdk_bg.wasm'])
})

test.each([
  ['a file that a deploy has removed', '', 'HTTP 404'],
  ['HTML in the place of the file', '?wasm=/', 'HTML instead of the file'],
])('%s: the error says so, and what to do', async (_what, query, cause) => {
  await using page = await open([], query, (folder) =>
    rm(join(folder, 'node_modules/guestpass/pkg/guestpass_sdk_bg.wasm')),
  )

  const error = await page.tab.evaluate(async () => {
    return session.start().catch(({ code, message }: GuestpassError) => ({ code, message }))
  })

  expect(error).toEqual({
    code: 'load_failed',
    message: expect.stringMatching(new RegExp(`Reload the page .*guestpass/inline.*${cause}`)),
  })
})

test('C27: without the compiled code, a request that needs no token is sent', async () => {
  await using page = await open([], '?wasm=/')

  const response = await page.tab.evaluate(async () => {
    await session.start().catch(() => {})
    const { status } = await session.fetch('/me', { headers: { Authorization: 'Bearer none' } })
    return [session.getSnapshot().status, status]
  })

  expect(response).toEqual(['unavailable', 401])
})

test('a returning visitor gets the first answer without the compiled code', async () => {
  await using page = await open([])
  const me = () =>
    page.tab.evaluate(async () => {
      const response = await session.fetch('/me')
      return [response.status, (await response.json()).id, location.origin]
    })
  const [, guest, origin] = await me()

  await page.tab.startLoading(`${origin}/?wasm=/`)
  await page.tab.until('the new page has a session', () => !!location.search && document.body?.dataset.ready === '')

  expect(await me()).toEqual([200, guest, origin])
  expect(
    await page.tab.evaluate(() => session.fetch('/me', { method: 'POST' }).catch(({ code }: GuestpassError) => code)),
  ).toBe('load_failed')
})

test('a part that is not there: the error says what to do', async () => {
  await using page = await open([], '', (folder) => rm(join(folder, 'node_modules/guestpass/dist/passkeys.js')))

  const error = await page.tab.evaluate(async () => {
    const failed = (error: GuestpassError) => ({ ...error, message: error.message, cause: String(error.cause) })
    return session.register({ passkey: true }).catch(failed)
  })

  expect(error).toMatchObject({
    code: 'load_failed',
    message: expect.stringContaining('the code for passkeys could not be loaded. Reload the page.'),
    cause: expect.stringContaining('TypeError'),
  })
})

test('a page that starts offline loads the code when it is online', async () => {
  await using page = await open([])
  await page.tab.evaluate(() => session.subscribe(() => (document.body.dataset.status = session.getSnapshot().status)))

  await page.tab.setOffline(true)
  const error = await page.tab.evaluate(() => session.start().catch(({ code, message }) => ({ code, message })))
  expect(error).toMatchObject({ code: 'network', message: expect.stringContaining('guestpass_sdk_bg.wasm') })
  const { status, error: shown } = await page.tab.evaluate(() => session.getSnapshot())
  expect([status, shown?.code]).toEqual(['unavailable', 'network'])

  await page.tab.setOffline(false)
  await page.tab.until('the session is idle', () => document.body.dataset.status === 'idle')
})
