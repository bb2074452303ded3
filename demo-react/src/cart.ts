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

/** One step of a visitor: so many more of an item, so many of it, or none. */
export interface CartStep {
  /** Tells it from every other step, and lets the server recognise it when it is sent again. */
  readonly key: string
  readonly line: Omit<CartLine, 'quantity'>
  readonly change: { readonly add: number } | { readonly set: number }
}

const EMPTY: Cart = { lines: [], total_cents: 0, currency: 'EUR' }
const RETRIES = 3

/** Steps whose effect is in the cart that the query holds: for a moment they are still counted as being under way. */
const arrived = new Set<string>()

export function cartOptions() {
  return { queryKey: keys.cart, queryFn: ({ signal }: { signal: AbortSignal }) => loadCart(signal), staleTime: 5000 }
}

/** How a step goes to the server: one after the other, so that the last answer is the last word. */
export function stepOptions(client: QueryClient): MutationOptions<Cart, DefaultError, CartStep> {
  return {
    mutationKey: keys.cart,
    scope: { id: 'cart' },
    mutationFn: send,
    // With its key, a step that was carried out although its answer was lost is not carried out twice.
    retry: (failures, error) => failures < RETRIES && failureOf(error)?.kind === 'unreachable',
    retryDelay: (failures) => 500 * 2 ** failures,
    onSuccess: async (cart, { key }) => {
      await client.cancelQueries({ queryKey: keys.cart })
      arrived.add(key)
      client.setQueryData(keys.cart, cart)
      announceChange('cart')
    },
    // It may have been carried out all the same.
    onError: () => client.invalidateQueries({ queryKey: keys.cart }),
  }
}

function send({ key, line: { item_id: itemId }, change }: CartStep): Promise<Cart> {
  if ('add' in change) return addToCart(itemId, change.add, key)
  return change.set > 0 ? setQuantity(itemId, change.set) : removeFromCart(itemId)
}

export interface CartView {
  /** The cart with every step that is on its way. Undefined before it has loaded. */
  readonly cart: Cart | undefined
  /** How many things are in it. */
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

/** The cart as the page shows it: what the server said last, and what is on its way there. */
export function cartView(data: Cart | undefined, steps: readonly CartStep[]): CartView {
  const waiting = steps.filter(({ key }) => !arrived.has(key))
  const cart = waiting.length > 0 ? waiting.reduce(after, data ?? EMPTY) : data
  return {
    cart,
    count: cart?.lines.reduce((sum, line) => sum + line.quantity, 0) ?? 0,
    isSaving: (itemId) => waiting.some(({ line }) => line.item_id === itemId),
    quantityOf: (itemId) => cart?.lines.find((line) => line.item_id === itemId)?.quantity ?? 0,
  }
}

/** What a visitor can do to the cart. */
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

/** 128 random bits in base64url, as the server wants an idempotency key. */
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

function after(cart: Cart, { line, change }: CartStep): Cart {
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
