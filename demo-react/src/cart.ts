import { useMemo, useSyncExternalStore } from 'react'
import {
  addToCart,
  type Cart,
  type CartLine,
  type Item,
  loadCart,
  MAX_QUANTITY,
  removeFromCart,
  setQuantity,
} from './api'
import { type Failure, failureOf } from './failure'
import { Resource, useResource } from './resource'

/** The visitor's cart, as the server last told. */
export const cartResource = new Resource(loadCart, { personal: true })

/** A change that the page shows already and the server has not confirmed yet. */
interface Change {
  readonly itemId: number
  readonly preview: (cart: Cart) => Cart
  readonly send: () => Promise<Cart>
}

/** What is on its way to the server, oldest first, and why the last change was not saved. */
interface Saving {
  readonly waiting: readonly Change[]
  readonly failure: Failure | null
}

const EMPTY: Cart = { lines: [], total_cents: 0, currency: 'EUR' }

let saving: Saving = { waiting: [], failure: null }
const listeners = new Set<() => void>()

export interface CartView {
  /** The cart with every change that is on its way. Undefined before it has loaded. */
  readonly cart: Cart | undefined
  /** How many things are in it. */
  readonly count: number
  /** Why the last change was not saved. */
  readonly saveFailure: Failure | null
  readonly isSaving: (itemId: number) => boolean
  readonly quantityOf: (itemId: number) => number
}

export function cartView(): CartView {
  return view(cartResource.getSnapshot().data, saving)
}

/** `cartView`, and a new rendering whenever it changes. */
export function useCart(): CartView {
  const { data } = useResource(cartResource)
  const now = useSyncExternalStore(subscribe, () => saving)
  return useMemo(() => view(data, now), [data, now])
}

/** One more of an item, also of one that is not in the cart yet. */
export function add(item: Item | CartLine): void {
  const itemId = 'item_id' in item ? item.item_id : item.id
  const { name, price_cents, currency, emoji } = item
  change({
    itemId,
    preview: (cart) => {
      const quantity = cart.lines.find((line) => line.item_id === itemId)?.quantity ?? 0
      const line = {
        item_id: itemId,
        name,
        price_cents,
        currency,
        emoji,
        quantity: Math.min(quantity + 1, MAX_QUANTITY),
      }
      return withLines(
        cart,
        quantity > 0 ? cart.lines.map((old) => (old.item_id === itemId ? line : old)) : [...cart.lines, line],
      )
    },
    send: () => addToCart(itemId, 1),
  })
}

/** One less; the last one takes the line away. */
export function takeOne({ item_id: itemId, quantity }: CartLine): void {
  if (quantity <= 1) {
    removeLine(itemId)
    return
  }
  change({
    itemId,
    preview: (cart) =>
      withLines(
        cart,
        cart.lines.map((line) => (line.item_id === itemId ? { ...line, quantity: quantity - 1 } : line)),
      ),
    send: () => setQuantity(itemId, quantity - 1),
  })
}

export function removeLine(itemId: number): void {
  change({
    itemId,
    preview: (cart) =>
      withLines(
        cart,
        cart.lines.filter((line) => line.item_id !== itemId),
      ),
    send: () => removeFromCart(itemId),
  })
}

export function dismissSaveFailure(): void {
  update({ ...saving, failure: null })
}

function change(next: Change): void {
  const idle = saving.waiting.length === 0
  update({ waiting: [...saving.waiting, next], failure: null })
  if (idle) void saveAll()
}

/** Sends the changes one after the other, so that the last answer is the last word. */
async function saveAll(): Promise<void> {
  for (let next = saving.waiting[0]; next; next = saving.waiting[0]) {
    try {
      cartResource.replace(await next.send())
      update({ ...saving, waiting: saving.waiting.slice(1) })
    } catch (error) {
      // Later changes built on this one, so they go with it, and the server tells what holds.
      const failure = failureOf(error)
      update({ waiting: [], failure })
      if (failure) void cartResource.reload()
    }
  }
}

function view(data: Cart | undefined, { waiting, failure }: Saving): CartView {
  const cart = waiting.length > 0 ? preview(data ?? EMPTY, waiting) : data
  return {
    cart,
    count: cart?.lines.reduce((sum, line) => sum + line.quantity, 0) ?? 0,
    saveFailure: failure,
    isSaving: (itemId) => waiting.some((change) => change.itemId === itemId),
    quantityOf: (itemId) => cart?.lines.find((line) => line.item_id === itemId)?.quantity ?? 0,
  }
}

function preview(cart: Cart, changes: readonly Change[]): Cart {
  return changes.reduce((shown, { preview }) => preview(shown), cart)
}

function withLines(cart: Cart, lines: readonly CartLine[]): Cart {
  return { ...cart, lines, total_cents: lines.reduce((sum, line) => sum + line.price_cents * line.quantity, 0) }
}

function update(next: Saving): void {
  saving = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
