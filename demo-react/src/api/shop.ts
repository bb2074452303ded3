import { request } from './request'

/** An item of the catalogue, as the server sends it to this visitor. */
export interface Item {
  /** The id as text. It is the key of the item's entries in the collections of the visitor. */
  readonly id: string
  readonly name: string
  // The members below are the catalogue's own. The demo shows an item without them, too.
  readonly description?: string
  readonly price_cents?: number
  readonly currency?: string
  readonly category?: string
  /** The file of the picture: a URL relative to the origin of the page. */
  readonly picture?: string
  readonly favorite: boolean
  readonly viewed_at: string | null
}

/** All items of the shop, and the ids of recently viewed and recommended items. */
export interface Catalogue {
  readonly items: readonly Item[]
  readonly recently_seen: readonly string[]
  readonly recommended: readonly Recommendation[]
}

export interface Recommendation {
  readonly item_id: string
  /** The id of the viewed or favourite item that the recommendation is based on. */
  readonly because: string
  readonly reason: string
}

/** A catalogue as the server sends it: an id is a text or a whole number. */
interface CatalogueResponse {
  readonly items: readonly (Omit<Item, 'id'> & { readonly id: string | number })[]
  readonly recently_seen: readonly (string | number)[]
  readonly recommended: readonly (Omit<Recommendation, 'item_id' | 'because'> & {
    readonly item_id: string | number
    readonly because: string | number
  })[]
}

export async function loadCatalogue(signal: AbortSignal): Promise<Catalogue> {
  const { items, recently_seen, recommended } = await request<CatalogueResponse>('/items/', { signal })
  return {
    items: items.map((item) => ({ ...item, id: String(item.id) })),
    recently_seen: recently_seen.map(String),
    recommended: recommended.map((one) => ({ ...one, item_id: String(one.item_id), because: String(one.because) })),
  }
}
