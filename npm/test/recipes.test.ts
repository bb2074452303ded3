// @vitest-environment happy-dom
// The hooks of docs/guides/react.md that show a change at once, with the real session manager and the test server.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { QueryClient, QueryClientProvider } from '@tanstack/react-query'
import { act, createElement as h, type ReactNode } from 'react'
import { createRoot } from 'react-dom/client'
import { SWRConfig } from 'swr'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { createTestServer, type TestServer } from '../src/testing/index.js'
import type { EntryPage, Session } from '../src/types.js'

/** `add` waits about two seconds before it gives up. */
const LONG = { timeout: 20_000 }

type Lines = EntryPage<{ quantity: number }>['entries']
type Add = (key: string, quantity: number) => unknown

let server: TestServer
let session: Session
let folder: string

beforeEach(() => {
  vi.stubGlobal('IS_REACT_ACT_ENVIRONMENT', true)
  server = createTestServer()
  session = server.createSession()
  // The guide introduces this name.
  vi.stubGlobal('session', session)
  // Inside this folder, so that imports find the installed packages.
  folder = mkdtempSync(join(import.meta.dirname, '.recipe-'))
})

afterEach(() => {
  server.uninstall()
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

/** The module of the code block of the guide that contains `text`. */
async function recipe<Module>(text: string): Promise<Module> {
  const guide = readFileSync(join(import.meta.dirname, '../../docs/guides/react.md'), 'utf8')
  const block = guide.split(/^```(?:ts)?$/m).find((block) => block.includes(text))
  const file = join(folder, 'recipe.ts')
  writeFileSync(file, block ?? '')
  return import(file)
}

/** Shows the cart, clicks, and returns the texts that the page has shown from then on. */
async function shownAfterClick(Cart: () => ReactNode, last: string): Promise<string[]> {
  const container = document.body.appendChild(document.createElement('div'))
  const root = createRoot(container)
  const client = new QueryClient({ defaultOptions: { mutations: { retryDelay: 0 } } })
  // A cache of its own: that of SWR is shared by the whole page.
  const page = h(SWRConfig, { value: { provider: () => new Map() } }, h(Cart))
  await act(async () => root.render(h(QueryClientProvider, { client }, page)))
  await vi.waitFor(async () => {
    await act(async () => {})
    expect(container.textContent).toBe('mug 1')
  }, LONG)
  const shown: string[] = []
  const observer = new MutationObserver(() => shown.push(container.textContent ?? ''))
  observer.observe(container, { subtree: true, childList: true, characterData: true })
  await act(async () => container.querySelector('button')?.click())
  await vi.waitFor(async () => {
    await act(async () => {})
    expect([shown.at(-1), server.requests.at(-1)?.method]).toEqual([last, 'GET'])
  }, LONG)
  observer.disconnect()
  await act(async () => root.unmount())
  return shown
}

function cartOf(useHooks: () => { lines: Lines | undefined; add: Add }): () => ReactNode {
  return () => {
    const { lines, add } = useHooks()
    const text = lines?.map(({ key, value }) => `${key} ${value.quantity}`).join()
    return h('button', { type: 'button', onClick: () => void Promise.resolve(add('mug', 2)).catch(() => {}) }, text)
  }
}

async function tanstack(): Promise<() => ReactNode> {
  const hooks = await recipe<{ useCart: () => { data?: { entries: Lines } }; useAddToCart: () => Add }>('useAddToCart')
  return cartOf(() => ({ lines: hooks.useCart().data?.entries, add: hooks.useAddToCart() }))
}

async function swr(): Promise<() => ReactNode> {
  const hooks = await recipe<{ useCart: () => { entries?: Lines; addToCart: Add } }>("from 'swr'")
  return cartOf(() => {
    const { entries, addToCart } = hooks.useCart()
    return { lines: entries, add: addToCart }
  })
}

test.each([
  ['TanStack Query', tanstack],
  ['SWR', swr],
])('%s shows an addition before the server has it', async (_, load) => {
  await session.collection('cart').put('mug', { quantity: 1 })
  const shown = await shownAfterClick(await load(), 'mug 3')
  expect(new Set(shown)).toEqual(new Set(['mug 3']))
})

test.each([
  ['TanStack Query', tanstack],
  ['SWR', swr],
])('%s takes back an addition that the server refuses', async (_, load) => {
  await session.collection('cart').put('mug', { quantity: 1 })
  server.on('POST /me/cart/mug', () => Response.json({ code: 'collection_full' }, { status: 409 }))
  const shown = await shownAfterClick(await load(), 'mug 1')
  expect(shown).toEqual(['mug 3', 'mug 1'])
})

test('TanStack Query repeats a lost addition with the same key: the server adds once', {
  timeout: 30_000,
}, async () => {
  await session.collection('cart').put('mug', { quantity: 1 })
  // More often than `add` itself repeats it.
  server.fail({ method: 'POST', path: '/me/cart/mug', with: 'lost', times: 5 })
  const shown = await shownAfterClick(await tanstack(), 'mug 3')
  expect(new Set(shown)).toEqual(new Set(['mug 3']))
  expect((await session.collection('cart').get('mug'))?.value).toEqual({ quantity: 3 })
})
