import {
  type DefaultError,
  type MutationOptions,
  type QueryClient,
  useMutation,
  useMutationState,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import type { Entry } from 'guestpass'
import { allEntries, type CartValue, cart } from './api/collections'
import type { Catalogue, Item } from './api/shop'
import { failureOf } from './failure'
import { euroCents } from './format'
import { announceChange, keys } from './queries'

/** The entries of the cart, the oldest first. The key of an entry is the id of the item. */
export type Cart = readonly Pick<Entry<CartValue>, 'key' | 'value'>[]

/** A change of the cart by the visitor: adds a quantity of an item, or sets its quantity. 0 removes the item. */
export interface CartStep {
  /** The idempotency key, by which the server recognises a repeated addition. */
  readonly key: string
  readonly item: string
  readonly change: { readonly add: number } | { readonly set: number }
}

/** The highest quantity of an item in a cart. The server has the same limit. */
export const MAX_QUANTITY = 99

/** How often a failed step is sent again. The session itself repeats an addition up to three times at each attempt. */
const RETRIES = 1

/** Keys of completed steps. TanStack Query lists a step as pending for a moment after its result is in the cart. */
const completed = new Set<string>()

export function cartOptions() {
  return { queryKey: keys.cart, queryFn: loadCart, staleTime: 5000 }
}

async function loadCart({ signal }: { readonly signal: AbortSignal }): Promise<Cart> {
  const entries = await allEntries(cart, signal)
  return entries.sort((one, other) => Date.parse(one.created_at) - Date.parse(other.created_at))
}

/** How a step is sent. Steps are sent one after the other, in the order in which the visitor makes them. */
export function stepOptions(client: QueryClient): MutationOptions<CartValue | null, DefaultError, CartStep> {
  return {
    mutationKey: keys.cart,
    scope: { id: 'cart' },
    mutationFn: send,
    // After a lost response, the server recognises the key and does not apply the step twice.
    retry: (failures, error) => failures < RETRIES && failureOf(error)?.kind === 'unreachable',
    retryDelay: 1000,
    onSuccess: async (value, { key, item }) => {
      // A list that is being loaded may be older than this step.
      const wasLoading = client.getQueryState(keys.cart)?.fetchStatus !== 'idle'
      await client.cancelQueries({ queryKey: keys.cart })
      const known = client.getQueryData<Cart>(keys.cart)
      if (known) client.setQueryData<Cart>(keys.cart, withValue(known, item, value))
      // The response has the entry of this step only, so the cancelled list is loaded again.
      const reloaded = wasLoading || !known ? client.invalidateQueries({ queryKey: keys.cart }) : null
      if (!known) await reloaded
      completed.add(key)
      announceChange('cart')
    },
    // The server may have applied the step although the request failed.
    onError: () => client.invalidateQueries({ queryKey: keys.cart }),
  }
}

/** Sends a step. Resolves with the new value of its entry, or with null when the entry is removed. */
async function send({ key, item, change }: CartStep): Promise<CartValue | null> {
  if ('add' in change) return (await cart.add(item, { quantity: change.add }, { idempotencyKey: key })).value
  // A merge patch leaves other members of the line as they are.
  if (change.set > 0) return (await cart.patch(item, { quantity: change.set })).value
  await cart.remove(item)
  return null
}

export interface CartView {
  /** The cart with all pending steps applied. Undefined before it has loaded. */
  readonly cart: Cart | undefined
  /** The total quantity of all items. */
  readonly count: number
  readonly isSaving: (item: string) => boolean
  readonly quantityOf: (item: string) => number
}

export function useCart(): CartView {
  const { data } = useQuery(cartOptions())
  const steps = useMutationState({
    filters: { mutationKey: keys.cart, status: 'pending' },
    select: ({ state }) => state.variables as CartStep,
  })
  return cartView(data, steps)
}

/** The cart as the page shows it: the last cart from the server, with all pending steps applied. */
export function cartView(data: Cart | undefined, steps: readonly CartStep[]): CartView {
  const pending = steps.filter(({ key }) => !completed.has(key))
  const cart = pending.length > 0 ? pending.reduce(apply, data ?? []) : data
  return {
    cart,
    count: cart?.reduce((sum, { value }) => sum + value.quantity, 0) ?? 0,
    isSaving: (item) => pending.some((step) => step.item === item),
    quantityOf: (item) => cart?.find(({ key }) => key === item)?.value.quantity ?? 0,
  }
}

/** A line of the cart with its item. */
export interface CartLine {
  /** The id of the item. */
  readonly id: string
  readonly quantity: number
  /** Null when the shop no longer sells the item. */
  readonly item: Item | null
}

/** Joins the entries of the cart with the items of the catalogue. */
export function linesOf(cart: Cart, catalogue: Catalogue): readonly CartLine[] {
  return cart.map(({ key, value }) => ({
    id: key,
    quantity: value.quantity,
    item: catalogue.items.find(({ id }) => id === key) ?? null,
  }))
}

/** The price of all lines whose items the shop sells, in euro cents. */
export function totalOf(lines: readonly CartLine[]): number {
  return lines.reduce((sum, { item, quantity }) => sum + quantity * (item ? (euroCents(item) ?? 0) : 0), 0)
}

/** The changes that a visitor can make to the cart. */
export function useCartSteps() {
  const client = useQueryClient()
  const { mutate } = useMutation(stepOptions(client))
  const step = (item: string, change: CartStep['change']) => mutate({ key: crypto.randomUUID(), item, change })
  return {
    add: (item: string, quantity = 1) => step(item, { add: quantity }),
    set: (item: string, quantity: number) => step(item, { set: Math.min(quantity, MAX_QUANTITY) }),
  }
}

function apply(cart: Cart, { item, change }: CartStep): Cart {
  const before = cart.find(({ key }) => key === item)?.value
  const quantity = Math.min('add' in change ? (before?.quantity ?? 0) + change.add : change.set, MAX_QUANTITY)
  return withValue(cart, item, quantity > 0 ? { ...before, quantity } : null)
}

/** The cart with another value of one entry. A new entry is the last one; null removes the entry. */
function withValue(cart: Cart, item: string, value: CartValue | null): Cart {
  if (value === null) return cart.filter(({ key }) => key !== item)
  if (!cart.some(({ key }) => key === item)) return [...cart, { key: item, value }]
  return cart.map((entry) => (entry.key === item ? { key: item, value } : entry))
}
