import type { QueryClient } from '@tanstack/react-query'
import type { Session } from 'guestpass'
import { createTestClock, createTestServer, type TestClock, type TestServer } from 'guestpass/testing'
import { vi } from 'vitest'
import type { Item } from '../src/api/shop'

export const tea: Item = {
  id: '1',
  name: 'Tea',
  description: 'Black, from one garden',
  price_cents: 500,
  currency: 'EUR',
  category: 'pantry',
  favorite: false,
  viewed_at: null,
}

export const bread: Item = { ...tea, id: '2', name: 'Pain au levain', description: 'Baked this morning' }

/** The modules of the shop with the real session manager, against the test server of `guestpass/testing`. */
export interface ShopFixture {
  readonly server: TestServer
  readonly clock: TestClock
  readonly session: Session
  readonly client: QueryClient
  readonly cart: typeof import('../src/cart')
  /** The module instance that the shop uses. */
  readonly query: typeof import('@tanstack/react-query')
  /** Holds the responses to `GET /me/cart` back until the returned function is called. */
  readonly holdLists: () => () => void
  readonly end: () => void
}

/** Loads the modules of the shop in a simulated browser with a server. */
export async function openShop(): Promise<ShopFixture> {
  localStorage.clear()
  const server = createTestServer({ origin: location.origin })
  const clock = createTestClock()
  const { fetch } = globalThis
  server.install()
  let held: Promise<void> | undefined
  const respond = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    const response = await respond(input, init)
    const { method, url } = new Request(input, init)
    if (method === 'GET' && new URL(url).pathname === '/me/cart') await held
    return response
  }
  vi.resetModules()
  const { session } = await import('../src/session')
  const cart = await import('../src/cart')
  const { queryClient, followSession } = await import('../src/queries')
  queryClient.mount()
  const stop = followSession(queryClient, session)
  // Loads the session manager now: loading takes real time, which the test clock does not control.
  await session.start()
  return {
    server,
    clock,
    session,
    client: queryClient,
    cart,
    query: await import('@tanstack/react-query'),
    holdLists() {
      let release = () => {}
      held = new Promise((resolve) => {
        release = resolve
      })
      return release
    },
    end() {
      stop()
      queryClient.clear()
      queryClient.unmount()
      session.close()
      server.uninstall()
      globalThis.fetch = fetch
      clock.uninstall()
    },
  }
}
