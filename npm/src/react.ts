/**
 * React bindings, for React 18 and 19. `SessionProvider` passes a session to the components below it, `useSession`
 * returns its snapshot, `useSessionFetch` its `fetch`, and `useSessions` the visitor's sessions on all devices.
 *
 * @example
 * ```tsx
 * import { createSession } from 'guestpass'
 * import { SessionProvider, useSession } from 'guestpass/react'
 *
 * const session = createSession({ baseUrl: 'https://api.example' })
 *
 * function Visitor() {
 *   const { status, id } = useSession()
 *   return <p>{id ? `Hello, ${id}` : status}</p>
 * }
 *
 * export const App = () => (
 *   <SessionProvider session={session} acquire>
 *     <Visitor />
 *   </SessionProvider>
 * )
 * ```
 *
 * @packageDocumentation
 */
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
import { report } from './listeners.js'
import { loadPart } from './load-part.js'
import { IDLE } from './snapshots.js'
import type { Session, SessionInfo, Snapshot } from './types.js'

export type { SessionDevtoolsProps } from './devtools.js'

const SessionContext = createContext<Session | null>(null)

/** Props of `SessionProvider`. */
export interface SessionProviderProps {
  /** The session that `createSession` returned. The provider does not close it: a session lives as long as the page. */
  readonly session: Session
  /**
   * Whether to ask for a token once mounted, which acquires a guest when the browser has stored no session. Default false:
   * the first request acquires the guest, and a visitor or robot that sends none gets no guest.
   */
  readonly acquire?: boolean
  /** The components that can use the session. */
  readonly children?: ReactNode
}

/**
 * Passes `session` to the components below it.
 *
 * Once mounted it starts an idle session: the session loads what the browser has stored, and sends no request unless
 * `acquire` is set. Nothing happens while rendering on a server.
 */
export function SessionProvider({ session, acquire = false, children }: SessionProviderProps): ReactNode {
  useEffect(() => {
    // `start` on a session that the server has ended would allow a new guest, so only an idle session is started.
    const idle = session.getSnapshot().status === 'idle'
    const started = acquire ? session.token() : idle ? session.start() : undefined
    // The snapshot shows a failure, and the next call of the session reports it.
    started?.catch(() => {})
  }, [session, acquire])
  return createElement(SessionContext.Provider, { value: session }, children)
}

/**
 * Returns the snapshot of the session of the nearest `SessionProvider`. The component renders again when it changes.
 *
 * On a server, and during hydration in the browser, it is the snapshot of an idle session. The hook sends no request.
 *
 * @throws Error when no `SessionProvider` is above the component.
 */
export function useSession(): Snapshot
/**
 * Returns what `selector` returns for the snapshot. The component renders again when that value changes (`Object.is`). The
 * selector may be an inline function, and may return a new object each time.
 */
export function useSession<T>(selector: (snapshot: Snapshot) => T): T
export function useSession(selector: (snapshot: Snapshot) => unknown = identity): unknown {
  const session = useProvidedSession()
  const select = useMemo(() => memoizeLast(selector), [selector])
  return useSyncExternalStore(
    session.subscribe,
    () => select(session.getSnapshot()),
    () => select(IDLE),
  )
}

/**
 * Returns `session.fetch` of the nearest `SessionProvider`, the same function at every render.
 *
 * Call it in event handlers, effects and query functions, not while rendering: React may repeat or discard a render, and
 * on a server all visitors would share one guest.
 *
 * @throws Error when no `SessionProvider` is above the component.
 */
export function useSessionFetch(): Session['fetch'] {
  return useProvidedSession().fetch
}

/** What `useSessions` returns. */
export interface VisitorSessions {
  /** The newest first. Undefined until it has been read, and while there is no visitor. The last one that could be read. */
  readonly list: readonly SessionInfo[] | undefined
  /** Why the last attempt to read the list failed. */
  readonly error: unknown
  /** Whether the list is being read. */
  readonly loading: boolean
  /** Reads the list again. It never rejects: a failure is in `error`. */
  reload(): Promise<void>
  /** Ends a session as `session.sessions.end` does, and reads the list again. Rejects if the session could not be ended. */
  end(id: string): Promise<void>
  /** Ends the other sessions as `session.sessions.endOthers` does, and reads the list again. Rejects if they could not be ended. */
  endOthers(): Promise<void>
}

/**
 * Returns the sessions of the visitor, for a page that shows on which devices the visitor is signed in.
 *
 * Reads them with one request once mounted, and again when the session belongs to another visitor. It does not notice what other
 * devices do: call `reload`. Without a visitor it sends no request, so it makes no guest. Nothing happens while rendering on a
 * server.
 *
 * @throws Error when no `SessionProvider` is above the component.
 */
export function useSessions(): VisitorSessions {
  const session = useProvidedSession()
  const id = useSession(visitorOf)
  const { start, subscribe, getSessions } = useMemo(() => sessionsReader(session, id), [session, id])
  useEffect(start, [start])
  return useSyncExternalStore(subscribe, getSessions, getSessions)
}

/**
 * A panel for developers. It shows the state and the events of the session, and has buttons to expire the token, to revoke
 * the session and to go offline. Its code is loaded when the panel is first rendered; if that fails, the error is reported
 * and the panel is empty.
 *
 * @throws Error when no `SessionProvider` is above the component.
 */
export function SessionDevtools(props: SessionDevtoolsProps): ReactNode {
  const session = useProvidedSession()
  return createElement(Suspense, null, createElement(LazyDevtools, { ...props, session }))
}

const LazyDevtools = /* @__PURE__ */ lazy(() =>
  loadPart('SessionDevtools', import('./devtools.js')).catch((error: unknown) => {
    // Rejecting would remove the whole app from the page.
    report(error)
    return { default: () => null }
  }),
)

function useProvidedSession(): Session {
  const session = useContext(SessionContext)
  if (!session) throw new Error('guestpass: wrap this component in <SessionProvider session={session}>')
  return session
}

function visitorOf({ id }: Snapshot): string | null {
  return id
}

/** Reads the sessions of the visitor `id`, and of no other. */
function sessionsReader(session: Session, id: string | null) {
  // The hook is the only listener.
  let listener = () => {}
  let reads = 0
  const isCurrent = () => id !== null && session.getSnapshot().id === id

  async function reload(): Promise<void> {
    if (!isCurrent()) return
    reads += 1
    const read = reads
    set({ loading: true })
    let result: Partial<VisitorSessions>
    try {
      result = { list: await session.sessions.list(), error: undefined }
    } catch (error) {
      result = { error }
    }
    // A later read may have responded earlier, and the visitor may have changed.
    if (read === reads) set({ ...(isCurrent() && result), loading: false })
  }

  let sessions: VisitorSessions = {
    list: undefined,
    error: undefined,
    loading: false,
    reload,
    // Read again also after a failure: the session may have ended before.
    end: (which) => session.sessions.end(which).finally(reload),
    endOthers: () => session.sessions.endOthers().finally(reload),
  }

  function set(change: Partial<VisitorSessions>): void {
    sessions = { ...sessions, ...change }
    listener()
  }

  return {
    getSessions: () => sessions,
    subscribe(added: () => void) {
      listener = added
      return () => {
        listener = () => {}
      }
    },
    /** Reads once, although React mounts a component twice under StrictMode. */
    start: () => {
      if (!reads) void reload()
    },
  }
}

function identity(snapshot: Snapshot): Snapshot {
  return snapshot
}

/** React selects several times per render and takes a new object for a change, so keep the last result. */
function memoizeLast<T>(selector: (snapshot: Snapshot) => T): (snapshot: Snapshot) => T {
  let last: { readonly snapshot: Snapshot; readonly selected: T } | undefined
  return (snapshot) => {
    if (last?.snapshot !== snapshot) last = { snapshot, selected: selector(snapshot) }
    return last.selected
  }
}
