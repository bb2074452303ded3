// The data that the server keeps about a visitor: profile, favourites, history and preferences.

import { type QueryKey, useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Collection } from 'guestpass'
import { useEffect } from 'react'
import { changePreferences, loadMe, loadPreferences, type Preferences, type PreferencesPatch } from './api/account'
import { favorites, history } from './api/collections'
import type { Catalogue } from './api/shop'
import { announceChange, keys } from './queries'

export function useMe() {
  return useQuery({ queryKey: keys.me, queryFn: ({ signal }) => loadMe(signal) })
}

/** The items that the visitor has viewed, the last one first. */
export const useHistory = () => useEntries(keys.history, history)

/** The favourites of the visitor, the newest first. */
export const useFavorites = () => useEntries(keys.favorites, favorites)

/** The entries of a collection, page by page. */
function useEntries(queryKey: QueryKey, collection: Collection<object>) {
  return useInfiniteQuery({
    queryKey,
    queryFn: ({ pageParam, signal }) => collection.list({ limit: 24, after: pageParam, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: ({ next }) => next,
    staleTime: 0,
  })
}

/** Adds or removes a favourite. The heart changes at once, and changes back when the request fails. */
export function useFavoriteToggle() {
  const client = useQueryClient()
  return useMutation({
    mutationKey: keys.favorites,
    scope: { id: 'favorites' },
    mutationFn: async ({ id, favorite }: { id: string; favorite: boolean }) => {
      await (favorite ? favorites.put(id, {}) : favorites.remove(id))
    },
    onMutate: async ({ id, favorite }) => {
      await client.cancelQueries({ queryKey: keys.catalogue })
      setHeart(id, favorite)
    },
    onError: (_, { id, favorite }) => setHeart(id, !favorite),
    onSettled: () => {
      announceChange('favorites')
      announceChange('catalogue')
      return Promise.all([
        client.invalidateQueries({ queryKey: keys.favorites }),
        client.invalidateQueries({ queryKey: keys.catalogue }),
      ])
    },
  })

  function setHeart(id: string, favorite: boolean) {
    client.setQueryData<Catalogue>(
      keys.catalogue,
      (old) => old && { ...old, items: old.items.map((item) => (item.id === id ? { ...item, favorite } : item)) },
    )
  }
}

/** Adds an item to the history of the visitor. */
export function useRecordView(id: string | undefined) {
  const client = useQueryClient()
  useEffect(() => {
    if (id === undefined) return
    history.put(id, {}).then(
      () => {
        void client.invalidateQueries({ queryKey: keys.catalogue })
        void client.invalidateQueries({ queryKey: keys.history })
      },
      // A failure is ignored: the shop works without the history.
      () => {},
    )
  }, [id, client])
}

export function useDeleteViews() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ id }: { id?: string }) => (id === undefined ? history.clear() : history.remove(id)),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: keys.catalogue })
      return client.invalidateQueries({ queryKey: keys.history })
    },
  })
}

/** The preferences of the visitor. Before they are loaded, those that this browser showed last. */
export function usePreferences(): Preferences {
  const { data } = useQuery({ queryKey: keys.preferences, queryFn: ({ signal }) => loadPreferences(signal) })
  return data ?? remembered()
}

/** Changes preferences. The page changes at once, and changes back when the request fails. */
export function useChangePreferences() {
  const client = useQueryClient()
  return useMutation({
    mutationKey: keys.preferences,
    scope: { id: 'preferences' },
    mutationFn: changePreferences,
    onMutate: async (patch: PreferencesPatch) => {
      await client.cancelQueries({ queryKey: keys.preferences })
      const before = client.getQueryData<Preferences>(keys.preferences)
      client.setQueryData<Preferences>(keys.preferences, merged(before ?? remembered(), patch))
      return before
    },
    onError: (_error, _patch, before) => client.setQueryData(keys.preferences, before),
    onSuccess: () => announceChange('preferences'),
    onSettled: () => client.invalidateQueries({ queryKey: keys.preferences }),
  })
}

/** Applies a JSON Merge Patch (RFC 7396) to a flat object. */
export function merged(before: Preferences, patch: PreferencesPatch): Preferences {
  return Object.fromEntries(Object.entries({ ...before, ...patch }).filter(([, value]) => value !== null))
}

const REMEMBERED = 'guestpass-demo:preferences'

/** The preferences that this browser showed last, so that theme and language do not change while the page loads. */
export function remembered(): Preferences {
  try {
    return JSON.parse(localStorage.getItem(REMEMBERED) ?? '{}')
  } catch {
    return {}
  }
}

export function remember(preferences: Preferences): void {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(preferences))
  } catch {
    // Without storage, the page starts with the preferences of the browser.
  }
}
