import { QueryCache, QueryClient, type QueryKey } from '@tanstack/react-query'
import type { Session, Status } from 'guestpass'
import { failureOf } from './failure'
import { session } from './session'
import { onTabMessage, postTabMessage, TAB_ID } from './tab-channel'

/** What the page knows of the server, by name. All of it belongs to one visitor. */
export const keys = {
  catalogue: ['catalogue'],
  cart: ['cart'],
  history: ['history'],
  favorites: ['favorites'],
  preferences: ['preferences'],
  me: ['me'],
} as const satisfies Record<string, QueryKey>

const FIRST_DELAY = 1000
const LONGEST_DELAY = 15_000

export const queryClient = new QueryClient({
  queryCache: new QueryCache(),
  defaultOptions: {
    queries: {
      // Whoever has left is not made a new guest before asking for something.
      enabled: () => !isOver(session.getSnapshot().status),
      // What a server refuses, it goes on refusing; what does not come through is tried until it does.
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

/** Keeps what the page knows that of the visitor who is there; returns the way to stop. */
export function followSession(client: QueryClient, session: Session): () => void {
  let down = false
  const stopEvents = session.onEvent((event) => {
    switch (event.type) {
      case 'identity':
        // A member has what the guest had, and maybe more; anybody else has nothing of it.
        if (event.reason === 'registered' || event.reason === 'logged_in') void client.invalidateQueries()
        else void client.resetQueries()
        break
      case 'signed_out':
        // Calls off what is under way, too. To cancel that first would bring back what was known before it; and to remove
        // what is inactive would take it from the page that shows it, since now nothing is asked for.
        void client.resetQueries()
        break
      case 'acquired':
      case 'adopted':
        // After a sign-out nothing was asked for any more. At the first visit all of it is being asked for already.
        void client.refetchQueries({ predicate: (query) => query.state.fetchStatus === 'idle' && !query.state.data })
        break
    }
  })
  const stopChanges = session.subscribe(() => {
    const { status } = session.getSnapshot()
    if (status === 'unavailable') down = true
    if (status === 'active' && down) {
      down = false
      void client.invalidateQueries()
    }
  })
  return () => {
    stopEvents()
    stopChanges()
  }
}

/** Tells the other tabs that what they show may be old. */
export function announceChange(what: keyof typeof keys): void {
  postTabMessage({ type: 'changed', tab: TAB_ID, what })
}

/** Loads again what another tab has changed; returns the way to stop. */
export function followTabs(client: QueryClient): () => void {
  return onTabMessage((message) => {
    if (message.type === 'changed') void client.invalidateQueries({ queryKey: [message.what] })
  })
}
