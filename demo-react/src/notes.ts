// Notes of the visitor on items: a collection of the demo's own, which server/demo/guestpass.toml declares.

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import type { Entry } from 'guestpass'
import { allEntries, type Note, notes } from './api/collections'
import { keys } from './queries'

type Notes = readonly Entry<Note>[]

/** The text of the visitor's note on an item, or an empty text. Undefined until it is loaded, and on a server without notes. */
export function useNote(item: string): string | undefined {
  const { data } = useQuery({
    queryKey: keys.notes,
    queryFn: ({ signal }): Promise<Notes> => allEntries(notes, signal),
  })
  return data && (data.find(({ key }) => key === item)?.value.text ?? '')
}

/** Changes the note on an item. An empty text deletes it. The server refuses a text that breaks the schema of the collection. */
export function useChangeNote(item: string) {
  const client = useQueryClient()
  return useMutation({
    mutationKey: keys.notes,
    scope: { id: 'notes' },
    mutationFn: async (text: string) => {
      await (text === '' ? notes.remove(item) : notes.put(item, { text }))
    },
    onSuccess: () => client.invalidateQueries({ queryKey: keys.notes }),
  })
}
