// The two shops of the lab. Both send the same requests; they differ in how they get and renew a token.

import { AxiosError } from 'axios'
import type { Entry, Session } from 'guestpass'
import type { CartValue } from '../api/collections'
import { session } from '../session'
import { api } from './classic/interceptors'

/** `guestpass` is the shop with Guestpass, `classic` the shop with hand-written Axios interceptors. */
export type ShopName = 'guestpass' | 'classic'

/** The outcome of a request. The status is 0 when there was no response. */
export interface Outcome {
  readonly status: number
  readonly body: unknown
}

/** A shop: the way in which it sends requests. */
export interface LabShop {
  readonly name: ShopName
  send(method: string, path: string, body?: unknown): Promise<Outcome>
  /** The token of the next request, or null when there is none. */
  token(): Promise<string | null>
}

export const guestpass: LabShop = shopOf(session)

/** The shop with Guestpass that uses `session`. */
export function shopOf(session: Session): LabShop {
  return {
    name: 'guestpass',
    async send(method, path, body) {
      try {
        const headers =
          body === undefined ? {} : { 'Content-Type': 'application/json', 'Idempotency-Key': crypto.randomUUID() }
        const response = await session.fetch(path, {
          method,
          headers,
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        })
        return { status: response.status, body: response.ok ? await response.json().catch(() => null) : null }
      } catch {
        return { status: 0, body: null }
      }
    },
    token: () => session.token(),
  }
}

export const classic: LabShop = {
  name: 'classic',
  async send(method, path, body) {
    try {
      const { status, data } = await api.request({ method, url: path, data: body })
      return { status, body: data }
    } catch (error) {
      return { status: error instanceof AxiosError ? (error.response?.status ?? 0) : 0, body: null }
    }
  },
  token: async () => localStorage.getItem('token'),
}

/** The visitor of a shop and the quantity of each item in the cart, as the server reports them. */
export interface ShopState {
  readonly id: string | null
  readonly inCart: ReadonlyMap<string, number>
}

/** Adds one item to the cart of a shop. */
export function addOne(shop: LabShop, item: string): Promise<Outcome> {
  return shop.send('POST', `/me/cart/${encodeURIComponent(item)}`, { add: { quantity: 1 } })
}

export function itemCount({ inCart }: ShopState): number {
  return [...inCart.values()].reduce((sum, quantity) => sum + quantity, 0)
}

/** Reads the state of a shop with two requests. Their outcomes are passed to `onOutcome`. */
export async function readShop(shop: LabShop, onOutcome: (outcome: Outcome) => void): Promise<ShopState> {
  const me = await shop.send('GET', '/me')
  onOutcome(me)
  const cart = await shop.send('GET', '/me/cart')
  onOutcome(cart)
  const { entries = [] } = (cart.body ?? {}) as { entries?: readonly Entry<CartValue>[] }
  return {
    id: (me.body as { id?: string } | null)?.id ?? null,
    inCart: new Map(entries.map(({ key, value }) => [key, value.quantity])),
  }
}
