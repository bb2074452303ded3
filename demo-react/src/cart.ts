import {
  type DefaultError,
  type MutationOptions,
  type QueryClient,
  useMutation,
  useMutationState,
  useQuery,
  useQueryClient,
} from '@tanstack/react-query'
import {
  addToCart,
  type Cart,
  type CartLine,
  type Item,
  loadCart,
  MAX_QUANTITY,
  removeFromCart,
  setQuantity,
} from './api/shop'
import { failureOf } from './failure'
import { announceChange, keys } from './queries'

/** A change of the cart by the visitor: adds a quantity of an item, or sets its quantity. 0 removes the item. */
export interface CartStep {
  /** The idempotency key, by which the server recognises a repeated request. */
  readonly key: string
  readonly line: Omit<CartLine, 'quantity'>
  readonly change: { readonly add: number } | { readonly set: number }
}

const EMPTY: Cart = { lines: [], total_cents: 0, currency: 'EUR' }
const RETRIES = 3

/** Keys of completed steps. TanStack Query lists a step as pending for a moment after its result is in the cart. */
const completed = new Set<string>()

export function cartOptions() {
  return { queryKey: keys.cart, queryFn: ({ signal }: { signal: AbortSignal }) => loadCart(signal), staleTime: 5000 }
}

/** How a step is sent. Steps are sent one after the other, so that the last response has the final cart. */
export function stepOptions(client: QueryClient): MutationOptions<Cart, DefaultError, CartStep> {
  return {
    mutationKey: keys.cart,
    scope: { id: 'cart' },
    mutationFn: send,
    // After a lost response, the server recognises the key and does not apply the step twice.
    retry: (failures, error) => failures < RETRIES && failureOf(error)?.kind === 'unreachable',
    retryDelay: (failures) => 500 * 2 ** failures,
    onSuccess: async (cart, { key }) => {
      await client.cancelQueries({ queryKey: keys.cart })
      completed.add(key)
      client.setQueryData(keys.cart, cart)
      announceChange('cart')
    },
    // The server may have applied the step although the request failed.
    onError: () => client.invalidateQueries({ queryKey: keys.cart }),
  }
}

function send({ key, line: { item_id: itemId }, change }: CartStep): Promise<Cart> {
  if ('add' in change) return addToCart(itemId, change.add, key)
  return change.set > 0 ? setQuantity(itemId, change.set) : removeFromCart(itemId)
}

export interface CartView {
  /** The cart with all pending steps applied. Undefined before it has loaded. */
  readonly cart: Cart | undefined
  /** The total quantity of all items. */
  readonly count: number
  readonly isSaving: (itemId: number) => boolean
  readonly quantityOf: (itemId: number) => number
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
  const cart = pending.length > 0 ? pending.reduce(apply, data ?? EMPTY) : data
  return {
    cart,
    count: cart?.lines.reduce((sum, line) => sum + line.quantity, 0) ?? 0,
    isSaving: (itemId) => pending.some(({ line }) => line.item_id === itemId),
    quantityOf: (itemId) => cart?.lines.find((line) => line.item_id === itemId)?.quantity ?? 0,
  }
}

/** The changes that a visitor can make to the cart. */
export function useCartSteps() {
  const client = useQueryClient()
  const { mutate } = useMutation(stepOptions(client))
  const step = (item: Item | CartLine, change: CartStep['change']) =>
    mutate({ key: stepKey(), line: lineOf(item), change })
  return {
    add: (item: Item | CartLine, quantity = 1) => step(item, { add: quantity }),
    set: (item: Item | CartLine, quantity: number) => step(item, { set: Math.min(quantity, MAX_QUANTITY) }),
  }
}

/** An idempotency key: 128 random bits in base64url. */
export function stepKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

function lineOf(item: Item | CartLine): CartStep['line'] {
  const { name, price_cents, currency } = item
  return { item_id: 'item_id' in item ? item.item_id : item.id, name, price_cents, currency }
}

function apply(cart: Cart, { line, change }: CartStep): Cart {
  const before = cart.lines.find(({ item_id }) => item_id === line.item_id)?.quantity ?? 0
  const quantity = Math.min('add' in change ? before + change.add : change.set, MAX_QUANTITY)
  const others = cart.lines.filter(({ item_id }) => item_id !== line.item_id)
  const lines =
    quantity <= 0
      ? others
      : before > 0
        ? cart.lines.map((old) => (old.item_id === line.item_id ? { ...line, quantity } : old))
        : [...cart.lines, { ...line, quantity }]
  return { ...cart, lines, total_cents: lines.reduce((sum, line) => sum + line.price_cents * line.quantity, 0) }
}
