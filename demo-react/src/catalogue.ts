import { useQuery } from '@tanstack/react-query'
import { type Catalogue, type Item, loadCatalogue } from './api/shop'
import { keys } from './queries'

/** What the shop sells, as this visitor sees it. */
export function useCatalogue() {
  return useQuery({ queryKey: keys.catalogue, queryFn: ({ signal }) => loadCatalogue(signal) })
}

/** The items with these ids, in their order. */
export function pick(catalogue: Catalogue, ids: readonly number[]): readonly Item[] {
  return ids.flatMap((id) => catalogue.items.find((item) => item.id === id) ?? [])
}

/** Which items a visitor means who types `words`: every word has to occur in what `textOf` tells of an item. */
export function search(items: readonly Item[], words: string, textOf: (item: Item) => string): readonly Item[] {
  const wanted = folded(words).split(/\s+/).filter(Boolean)
  if (wanted.length === 0) return items
  return items.filter((item) => {
    const text = folded(textOf(item))
    return wanted.every((word) => text.includes(word))
  })
}

/** Without case and accents. */
function folded(text: string): string {
  return text
    .normalize('NFD')
    .replace(/\p{Diacritic}/gu, '')
    .toLocaleLowerCase()
}
