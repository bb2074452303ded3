// The collections of the visitor: the four that every Guestpass server has, and two of the demo's own
// (server/demo/guestpass.toml).

import type { Collection, Entry, EntryPage } from 'guestpass'
import { session } from '../session'

/** A line of the cart. Its key is the id of the item. */
export interface CartValue {
  readonly quantity: number
}

/** A note of the visitor on an item. Its key is the id of the item. */
export interface Note {
  readonly text: string
}

/** A search that the visitor has typed. Its key is the text without case, accents and further spaces. */
export interface Search {
  readonly text: string
}

export const cart = session.collection<CartValue>('cart')
export const favorites = session.collection<object>('favorites')
export const history = session.collection<object>('history')
export const preferences = session.collection<string>('preferences')
export const searches = session.collection<Search>('searches')
export const notes = session.collection<Note>('notes')

/** Reads all entries of a collection, page by page, the last changed entry first. */
export async function allEntries<Value>(collection: Collection<Value>, signal: AbortSignal): Promise<Entry<Value>[]> {
  const entries: Entry<Value>[] = []
  let after: string | null = null
  do {
    const page: EntryPage<Value> = await collection.list({ after, signal })
    entries.push(...page.entries)
    after = page.next
  } while (after !== null)
  return entries
}
