import { session } from './session'

/** One thing in the shop, as the server sends it. */
export interface Item {
  readonly id: number
  readonly name: string
  readonly description: string
  readonly price_cents: number
  readonly currency: string
  readonly emoji: string
}

export interface CartLine {
  readonly item_id: number
  readonly name: string
  readonly price_cents: number
  readonly currency: string
  readonly emoji: string
  readonly quantity: number
}

export interface Cart {
  readonly lines: readonly CartLine[]
  readonly total_cents: number
  readonly currency: string
}

/** The most of one item that a cart holds; the server caps it there too. */
export const MAX_QUANTITY = 99

/** The server answered, but not with what was asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

export async function loadItems(signal: AbortSignal): Promise<readonly Item[]> {
  const { items } = await request<{ items: Item[] }>('/items/', { signal })
  return items
}

export function loadCart(signal: AbortSignal): Promise<Cart> {
  return request('/me/cart', { signal })
}

/** Adds to what is in the cart already, whichever tab put it there. */
export function addToCart(itemId: number, quantity: number): Promise<Cart> {
  return request('/me/cart', { method: 'POST', ...json({ item_id: itemId, quantity }) })
}

export function setQuantity(itemId: number, quantity: number): Promise<Cart> {
  return request(`/me/cart/${itemId}`, { method: 'PUT', ...json({ quantity }) })
}

export function removeFromCart(itemId: number): Promise<Cart> {
  return request(`/me/cart/${itemId}`, { method: 'DELETE' })
}

async function request<T>(path: string, init: RequestInit): Promise<T> {
  const response = await session.fetch(path, init)
  if (!response.ok) throw new ApiError(response.status, await explanation(response))
  return (await response.json()) as T
}

function json(body: unknown): RequestInit {
  return { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
}

/** What a problem document (RFC 9457) says, or at least the status. */
async function explanation(response: Response): Promise<string> {
  const fallback = `The server answered ${response.status}.`
  if (!response.headers.get('Content-Type')?.startsWith('application/problem+json')) return fallback
  const problem = (await response.json().catch(() => ({}))) as { detail?: string; title?: string }
  return problem.detail ?? problem.title ?? fallback
}
