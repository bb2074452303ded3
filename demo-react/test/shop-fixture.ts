import type { QueryClient } from '@tanstack/react-query'
import type { Session } from 'guestpass'
import { createTestClock, createTestServer, type TestClock, type TestServer } from 'guestpass/testing'
import { vi } from 'vitest'
import type { Cart, CartLine, Item } from '../src/api/shop'

export const tea: Item = {
  id: 1,
  name: 'Tea',
  description: 'Black, from one garden',
  price_cents: 500,
  currency: 'EUR',
  category: 'pantry',
  favorite: false,
  viewed_at: null,
}

/** The shop's modules with the real session manager, against the test server of `guestpass/testing`. */
export interface ShopFixture {
  readonly server: TestServer
  readonly clock: TestClock
  readonly session: Session
  readonly client: QueryClient
  readonly cart: typeof import('../src/cart')
  /** The same instance of it that the shop has. */
  readonly query: typeof import('@tanstack/react-query')
  readonly end: () => void
}

/** A page that the shop's modules take for a browser's, with a cart for each guest at the server. */
export async function openShop(): Promise<ShopFixture> {
  localStorage.clear()
  const server = createTestServer({ origin: location.origin })
  const clock = createTestClock()
  const { fetch } = globalThis
  server.install()
  serveCarts(server)
  vi.resetModules()
  const { session } = await import('../src/session')
  const cart = await import('../src/cart')
  const { queryClient, followSession } = await import('../src/queries')
  queryClient.mount()
  const stop = followSession(queryClient, session)
  // Loads the session manager, which takes time of the machine's and not of the clock's.
  await session.start()
  return {
    server,
    clock,
    session,
    client: queryClient,
    cart,
    query: await import('@tanstack/react-query'),
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

function serveCarts(server: TestServer): void {
  const quantities = new Map<string | null, number>()
  const keys = new Set<string>()
  server.on('GET /me/cart', ({ guest }) => Response.json(cartOf(quantities.get(guest) ?? 0)))
  server.on('POST /me/cart', ({ guest, request }) => {
    const key = request.headers.get('Idempotency-Key') ?? ''
    if (!keys.has(key)) quantities.set(guest, (quantities.get(guest) ?? 0) + 1)
    keys.add(key)
    return Response.json(cartOf(quantities.get(guest) ?? 0))
  })
}

export function cartOf(quantity: number): Cart {
  const lines: CartLine[] = quantity > 0 ? [{ ...lineOfTea, quantity }] : []
  return { lines, total_cents: tea.price_cents * quantity, currency: 'EUR' }
}

export const lineOfTea = { item_id: tea.id, name: tea.name, price_cents: tea.price_cents, currency: tea.currency }
