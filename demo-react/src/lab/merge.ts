// A merge of two carts, for real: a member on a laptop, and a guest on a phone who logs in to the same account.

import { createSession, type Session } from 'guestpass'
import type { CartValue } from '../api/collections'

/** A line of one of the carts. The notes are the lab's own use of a cart: the declaration of the demo has a rule for them. */
export interface MergeLine extends CartValue {
  readonly item: string
  readonly note?: string
}

export interface Carts {
  readonly account: readonly MergeLine[]
  readonly guest: readonly MergeLine[]
}

export interface MergedCarts extends Carts {
  readonly merged: readonly MergeLine[]
}

/** The highest quantity that a line has after a merge. */
export const BOUND = 99

/** The API without the faults and the counters of the lab: these visitors are not the visitors of its shops. */
const API = `${window.location.origin}/demo/plain`

/**
 * Puts the two carts on the server, and lets the guest log in to the account of the other. Resolves with all carts as the
 * server lists them. Afterwards the account is erased.
 */
export async function mergeCarts(carts: Carts): Promise<MergedCarts> {
  const [laptop, phone] = [newVisitor('lab-laptop'), newVisitor('lab-phone')]
  const visitors = [laptop, phone]
  try {
    const credentials = { email: `${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() }
    await fill(laptop, carts.account)
    await laptop.register(credentials)
    await fill(phone, carts.guest)
    const [account, guest] = [await linesOf(laptop), await linesOf(phone)]
    await phone.login(credentials)
    // Both sessions belong to one account now, which is erased once.
    visitors.shift()
    return { account, guest, merged: await linesOf(phone) }
  } finally {
    // What is not erased now expires like every guest.
    for (const visitor of visitors) await visitor.erase().catch(() => {})
    laptop.close()
    phone.close()
  }
}

function newVisitor(name: string): Session {
  return createSession({ baseUrl: API, name, storage: 'memory', onIdentityLost: 'stop' })
}

async function fill(visitor: Session, lines: readonly MergeLine[]): Promise<void> {
  const cart = visitor.collection<Omit<MergeLine, 'item'>>('cart')
  // One after the other: the order of the lines is the order in which the entries are made.
  for (const { item, ...value } of lines) await cart.put(item, value)
}

/** The lines of a visitor's cart, the oldest first. */
async function linesOf(visitor: Session): Promise<MergeLine[]> {
  const { entries } = await visitor.collection<Omit<MergeLine, 'item'>>('cart').list()
  return [...entries]
    .sort((one, other) => Date.parse(one.created_at) - Date.parse(other.created_at))
    .map(({ key, value }) => ({ item: key, ...value }))
}

/** How a line of the merged cart has come about. */
export interface Origin {
  readonly from: 'account' | 'guest' | 'both'
  /** The quantities of both carts, when both have the item. */
  readonly quantities?: readonly [account: number, guest: number]
  /** Whether both carts have a note on the item. */
  readonly notes: boolean
}

export function originOf({ item }: MergeLine, { account, guest }: Carts): Origin {
  const [one, other] = [account, guest].map((lines) => lines.find((line) => line.item === item))
  if (!one || !other) return { from: one ? 'account' : 'guest', notes: false }
  return {
    from: 'both',
    quantities: [one.quantity, other.quantity],
    notes: one.note !== undefined && other.note !== undefined,
  }
}
