import { json, request } from './request'

/** An item of the shop, as the server sends it to this visitor. */
export interface Item {
  readonly id: number
  readonly name: string
  readonly description: string
  readonly price_cents: number
  readonly currency: string
  readonly category: string
  readonly favorite: boolean
  readonly viewed_at: string | null
}

/** All items of the shop, and the ids of recently viewed and recommended items. */
export interface Catalogue {
  readonly items: readonly Item[]
  readonly recently_seen: readonly number[]
  readonly recommended: readonly Recommendation[]
}

export interface Recommendation {
  readonly item_id: number
  /** The id of the viewed or favourite item that the recommendation is based on. */
  readonly because: number
  readonly reason: string
}

export interface CartLine {
  readonly item_id: number
  readonly name: string
  readonly price_cents: number
  readonly currency: string
  readonly quantity: number
}

export interface Cart {
  readonly lines: readonly CartLine[]
  readonly total_cents: number
  readonly currency: string
}

/** An item and when the visitor viewed it. */
export interface HistoryEntry {
  readonly item_id: number
  readonly viewed_at: string
}

export interface FavoriteEntry {
  readonly item_id: number
  readonly added_at: string
}

export interface Page<Entry> {
  readonly items: readonly Entry[]
  /** The cursor of the next page. Null on the last page. */
  readonly next: string | null
}

/** The highest quantity of an item in a cart. The server has the same limit. */
export const MAX_QUANTITY = 99

export function loadCatalogue(signal: AbortSignal): Promise<Catalogue> {
  return request('/items/', { signal })
}

export function loadCart(signal: AbortSignal): Promise<Cart> {
  return request('/me/cart', { signal })
}

/** Adds a quantity to the cart. Repeating the request with the same idempotency key adds it once. */
export function addToCart(itemId: number, quantity: number, key: string): Promise<Cart> {
  return request('/me/cart', json('POST', { item_id: itemId, quantity }, { 'Idempotency-Key': key }))
}

export function setQuantity(itemId: number, quantity: number): Promise<Cart> {
  return request(`/me/cart/${itemId}`, json('PUT', { quantity }))
}

export function removeFromCart(itemId: number): Promise<Cart> {
  return request(`/me/cart/${itemId}`, { method: 'DELETE' })
}

export function loadHistory(after: string | null, signal: AbortSignal): Promise<Page<HistoryEntry>> {
  return request(`/me/history?limit=24${cursor(after)}`, { signal })
}

export function recordView(itemId: number): Promise<void> {
  return request(`/me/history/${itemId}`, { method: 'PUT' })
}

export function deleteView(itemId: number): Promise<void> {
  return request(`/me/history/${itemId}`, { method: 'DELETE' })
}

export function deleteAllViews(): Promise<void> {
  return request('/me/history', { method: 'DELETE' })
}

export function loadFavorites(after: string | null, signal: AbortSignal): Promise<Page<FavoriteEntry>> {
  return request(`/me/favorites?limit=24${cursor(after)}`, { signal })
}

export function setFavorite(itemId: number, favorite: boolean): Promise<void> {
  return request(`/me/favorites/${itemId}`, { method: favorite ? 'PUT' : 'DELETE' })
}

function cursor(after: string | null): string {
  return after === null ? '' : `&after=${encodeURIComponent(after)}`
}
