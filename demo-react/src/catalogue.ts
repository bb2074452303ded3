import { useQuery } from '@tanstack/react-query'
import { type Catalogue, type Item, loadCatalogue } from './api/shop'
import { keys } from './queries'

/** The items of the shop, with what the server knows of this visitor: favourites, views, recommendations. */
export function useCatalogue() {
  return useQuery({ queryKey: keys.catalogue, queryFn: ({ signal }) => loadCatalogue(signal) })
}

/** The items with these ids, in their order. */
export function pick(catalogue: Catalogue, ids: readonly string[]): readonly Item[] {
  return ids.flatMap((id) => catalogue.items.find((item) => item.id === id) ?? [])
}

/** Finds the items whose text contains every one of the words, ignoring case and accents. */
export function search(items: readonly Item[], words: string, textOf: (item: Item) => string): readonly Item[] {
  const wanted = folded(words).split(/\s+/).filter(Boolean)
  if (wanted.length === 0) return items
  return items.filter((item) => {
    const text = folded(textOf(item))
    return wanted.every((word) => text.includes(word))
  })
}

/** Removes case and accents. */
export function folded(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{Diacritic}/gu, '')
    .toLocaleLowerCase()
}
