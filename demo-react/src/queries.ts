import { QueryCache, QueryClient, type QueryKey } from '@tanstack/react-query'
import type { Session, Status } from 'guestpass'
import { failureOf } from './failure'
import { session } from './session'
import { onTabMessage, postTabMessage, TAB_ID } from './tab-channel'

/** The query keys of all data that the page loads. The data belongs to one visitor. */
export const keys = {
  catalogue: ['catalogue'],
  cart: ['cart'],
  history: ['history'],
  favorites: ['favorites'],
  preferences: ['preferences'],
  searches: ['searches'],
  notes: ['notes'],
  me: ['me'],
} as const satisfies Record<string, QueryKey>

const FIRST_DELAY = 1000
const LONGEST_DELAY = 15_000

export const queryClient = new QueryClient({
  queryCache: new QueryCache(),
  defaultOptions: {
    queries: {
      // After a sign-out, a background query must not create a new guest.
      enabled: () => !isOver(session.getSnapshot().status),
      // A refusal is permanent. When the server is unreachable, the query is repeated until it succeeds.
      retry: (_, error) => failureOf(error)?.kind === 'unreachable',
      retryDelay: (failures) => Math.min(FIRST_DELAY * 2 ** failures, LONGEST_DELAY),
      staleTime: 30_000,
      refetchOnWindowFocus: 'always',
    },
    mutations: { retry: false },
  },
})

export function isOver(status: Status): boolean {
  return status === 'signed_out' || status === 'ended' || status === 'closed'
}

/** Discards and reloads data when the visitor changes. Returns a function that unsubscribes. */
export function followSession(client: QueryClient, session: Session): () => void {
  let unavailable = false
  const stopEvents = session.onEvent((event) => {
    switch (event.type) {
      case 'identity':
        // The data of the guest belongs to the member too. Another visitor must not see it.
        if (event.reason === 'registered' || event.reason === 'logged_in') void client.invalidateQueries()
        else void client.resetQueries()
        break
      case 'signed_out':
        // Resetting cancels running queries too. Cancelling them first would restore their previous data, and removing
        // inactive queries would remove those on the page, which are disabled after a sign-out.
        void client.resetQueries()
        break
      case 'acquired':
      case 'adopted':
        // Reloads the queries that were disabled after a sign-out. At a first visit they are running already.
        void client.refetchQueries({ predicate: (query) => query.state.fetchStatus === 'idle' && !query.state.data })
        break
    }
  })
  const stopChanges = session.subscribe(() => {
    const { status } = session.getSnapshot()
    if (status === 'unavailable') unavailable = true
    if (status === 'active' && unavailable) {
      unavailable = false
      void client.invalidateQueries()
    }
  })
  return () => {
    stopEvents()
    stopChanges()
  }
}

/** Tells the other tabs that this tab has changed the data under a key. */
export function announceChange(what: keyof typeof keys): void {
  postTabMessage({ type: 'changed', tab: TAB_ID, what })
}

/** Reloads the data that another tab has changed. Returns a function that unsubscribes. */
export function followTabs(client: QueryClient): () => void {
  return onTabMessage((message) => {
    if (message.type === 'changed') void client.invalidateQueries({ queryKey: [message.what] })
  })
}
