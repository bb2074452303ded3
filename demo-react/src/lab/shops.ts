// The two shops of the lab, in the same words: what differs between them is only how they get a token.

import { AxiosError } from 'axios'
import type { Session } from 'guestpass'
import { stepKey } from '../cart'
import { session } from '../session'
import { api } from './classic/interceptors'

export type ShopName = 'guestpass' | 'classic'

/** What became of a request; status zero where no answer came. */
export interface Outcome {
  readonly status: number
  readonly body: unknown
}

/** A shop, and how it asks its server. */
export interface LabShop {
  readonly name: ShopName
  send(method: string, path: string, body?: unknown): Promise<Outcome>
  /** What the next request would be sent with; null where there is nothing. */
  token(): Promise<string | null>
}

export const guestpass: LabShop = shopOf(session)

/** The shop of a visitor whom this session stands for. */
export function shopOf(session: Session): LabShop {
  return {
    name: 'guestpass',
    async send(method, path, body) {
      try {
        const headers = body === undefined ? {} : { 'Content-Type': 'application/json', 'Idempotency-Key': stepKey() }
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

/** Who a shop takes its visitor for, and what is in the cart. */
export interface Sight {
  readonly id: string | null
  readonly inCart: ReadonlyMap<number, number>
}

export function thingsIn({ inCart }: Sight): number {
  return [...inCart.values()].reduce((sum, quantity) => sum + quantity, 0)
}

/** Looks at a shop as its visitor does: two requests, the outcomes of which are handed to `note`. */
export async function look(shop: LabShop, note: (outcome: Outcome) => void): Promise<Sight> {
  const me = await shop.send('GET', '/me')
  note(me)
  const cart = await shop.send('GET', '/me/cart')
  note(cart)
  const lines = (cart.body as { lines?: readonly { item_id: number; quantity: number }[] } | null)?.lines ?? []
  return {
    id: (me.body as { id?: string } | null)?.id ?? null,
    inCart: new Map(lines.map(({ item_id, quantity }) => [item_id, quantity])),
  }
}
