'use client'

import {
  createContext,
  createElement,
  lazy,
  type ReactNode,
  Suspense,
  useContext,
  useEffect,
  useMemo,
  useSyncExternalStore,
} from 'react'
import type { SessionDevtoolsProps } from './devtools.js'
import { IDLE } from './snapshots.js'
import type { Session, Snapshot } from './types.js'

export type { SessionDevtoolsProps } from './devtools.js'

const SessionContext = createContext<Session | null>(null)

/** Props of `SessionProvider`. */
export interface SessionProviderProps {
  /** What `createSession` returned. The provider does not close it: it lives as long as the page. */
  readonly session: Session
  /** Where `useSession` finds the session. */
  readonly children?: ReactNode
}

/**
 * Gives `session` to the components below it.
 *
 * Once mounted it starts a session that is still idle, which reads what the browser has stored and sends no request.
 */
export function SessionProvider({ session, children }: SessionProviderProps): ReactNode {
  useEffect(() => {
    // Only the first time: a later `start` would allow a fresh guest after the server has ended the session.
    if (session.getSnapshot().status !== 'idle') return
    // A failure is in the snapshot, and whoever uses the session is told again.
    session.start().catch(() => {})
  }, [session])
  return createElement(SessionContext.Provider, { value: session }, children)
}

/**
 * The snapshot of the session of the nearest `SessionProvider`; the component renders again when it changes.
 *
 * On the server, and in the browser while it takes over what the server rendered, the snapshot is that of an idle
 * session. Never starts a request.
 *
 * @throws Error when there is no `SessionProvider` above.
 */
export function useSession(): Snapshot
/**
 * What `selector` takes from the snapshot; the component renders again when that changes, compared by `Object.is`.
 * An inline function will do, and so will one that returns a new object each time.
 */
export function useSession<T>(selector: (snapshot: Snapshot) => T): T
export function useSession(selector: (snapshot: Snapshot) => unknown = whole): unknown {
  const session = useProvided()
  const select = useMemo(() => rememberLast(selector), [selector])
  return useSyncExternalStore(
    session.subscribe,
    () => select(session.getSnapshot()),
    () => select(IDLE),
  )
}

/**
 * `session.fetch` of the nearest `SessionProvider`: the same function at every render.
 *
 * Call it in event handlers, effects and the functions that data libraries call, not while rendering: a render may be
 * repeated or thrown away, and on a server it would make one guest for all visitors.
 *
 * @throws Error when there is no `SessionProvider` above.
 */
export function useSessionFetch(): Session['fetch'] {
  return useProvided().fetch
}

/**
 * A panel for developers: the session's state, what has happened since the panel was loaded, and buttons to expire the
 * token, revoke the session and go offline. Its code is loaded when it is first shown, and by nobody else.
 *
 * @throws Error when there is no `SessionProvider` above.
 */
export function SessionDevtools(props: SessionDevtoolsProps): ReactNode {
  const session = useProvided()
  return createElement(Suspense, null, createElement(LazyDevtools, { ...props, session }))
}

const LazyDevtools = /* @__PURE__ */ lazy(() => import('./devtools.js'))

function useProvided(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('this needs a SessionProvider above it')
  return session
}

function whole(snapshot: Snapshot): Snapshot {
  return snapshot
}

/** React asks several times per render, and takes another object for a change. */
function rememberLast<T>(selector: (snapshot: Snapshot) => T): (snapshot: Snapshot) => T {
  let last: { readonly snapshot: Snapshot; readonly selected: T } | undefined
  return (snapshot) => {
    if (last?.snapshot !== snapshot) last = { snapshot, selected: selector(snapshot) }
    return last.selected
  }
}
