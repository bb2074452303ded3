// The searches that the visitor has typed: a collection of the demo's own, which server/demo/guestpass.toml declares.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Entry } from 'guestpass'
import { type Search, searches } from './api/collections'
import { folded } from './catalogue'
import { isOver, keys } from './queries'
import { session } from './session'

/** The last searches, the newest first. The server keeps as many. */
type Searches = readonly Pick<Entry<Search>, 'key' | 'value'>[]

/** In characters, as the schema of the collection counts them. */
const MAX_LENGTH = 60
const MIN_LENGTH = 2

/** The last searches, loaded as soon as they are `wanted`. Empty on a server that does not have the collection. */
export function useSearches(wanted: boolean): Searches {
  const { data } = useQuery({
    queryKey: keys.searches,
    queryFn: async ({ signal }): Promise<Searches> => (await searches.list({ signal })).entries,
    enabled: () => wanted && !isOver(session.getSnapshot().status),
  })
  return data ?? []
}

/** Keeps and forgets searches. The list changes at once. A failure is ignored: the shop works without the list. */
export function useSearchChanges() {
  const client = useQueryClient()
  const change = useMutation({
    mutationKey: keys.searches,
    scope: { id: 'searches' },
    mutationFn: async ({ key, text }: { key: string; text: string | null }) => {
      await (text === null ? searches.remove(key) : searches.put(key, { text }))
    },
    onMutate: async ({ key, text }) => {
      await client.cancelQueries({ queryKey: keys.searches })
      client.setQueryData<Searches>(keys.searches, (old) => {
        const others = old?.filter((entry) => entry.key !== key)
        return text === null ? others : others && [{ key, value: { text } }, ...others]
      })
    },
    onSettled: () => client.invalidateQueries({ queryKey: keys.searches }),
  })
  return {
    keep(words: string) {
      const text = [...words.trim().replace(/\s+/g, ' ')].slice(0, MAX_LENGTH).join('')
      const isMissing = client.getQueryState(keys.searches)?.status === 'error'
      if (text.length >= MIN_LENGTH && !isMissing) change.mutate({ key: keyOf(text), text })
    },
    forget: (key: string) => change.mutate({ key, text: null }),
  }
}

/** Equal searches have equal keys. The composed form keeps a key below the limit of 512 bytes. */
export function keyOf(text: string): string {
  return folded(text).normalize('NFC').trim().replace(/\s+/g, ' ')
}
