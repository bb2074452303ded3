import { GuestpassError } from './errors.js'
import { Listeners } from './listeners.js'
import type { Load, LoadManager, Manager, OnChange, UpgradeKind } from './manager.js'
import { type CheckedOptions, checkNext, checkOptions, checkTokenTimeout, completeOptions } from './options.js'
import { CallQueue } from './queue.js'
import { CLOSED, IDLE, LOADING, notLoaded } from './snapshots.js'
import type { Credentials, Membership, Session, SessionEvent, SessionOptions, Snapshot } from './types.js'

/** Makes the `createSession` of an entry. All of its sessions share what `load` loads. */
export function sessionFactory(load: Load): (options?: SessionOptions) => Session {
  return managedSessionFactory(async (wasm) => {
    const SessionManager = await load(wasm)
    return (options, onChange) => new SessionManager({ ...options, errorClass: GuestpassError }, onChange)
  })
}

/** As `sessionFactory`, with any manager. A failure of `load` is not kept. */
export function managedSessionFactory(load: LoadManager): (options?: SessionOptions) => Session {
  let loaded: ReturnType<LoadManager> | undefined
  const loadOnce: LoadManager = (wasm) => {
    loaded ??= load(wasm).catch((error: unknown) => {
      loaded = undefined
      throw error
    })
    return loaded
  }
  return (options) => lazySession(checkOptions(options), loadOnce)
}

/**
 * A session that loads its manager at the first use and from then on only passes calls to it.
 *
 * Closures rather than a class: `session.fetch` works without its object, as libraries that take a `fetch` need it.
 */
function lazySession(options: CheckedOptions, load: LoadManager): Session {
  const snapshotListeners = new Listeners<[]>()
  const eventListeners = new Listeners<[SessionEvent]>()
  const waiting = new CallQueue(options.timeout)
  let snapshot: Snapshot = IDLE
  let manager: Manager | undefined
  let loading = false
  let closed = false

  const onChange: OnChange = (next, event) => {
    if (closed) return
    if (next) show(next)
    if (event) eventListeners.tell(event)
  }

  function show(next: Snapshot): void {
    if (next === snapshot) return
    snapshot = next
    snapshotListeners.tell()
  }

  function onceLoaded<T>(
    perform: (manager: Manager) => Promise<T>,
    signal?: AbortSignal | null,
    timeout?: number,
  ): Promise<T> {
    if (manager) return perform(manager)
    if (closed) return Promise.reject(closedError())
    const result = waiting.add(perform, signal, timeout)
    if (!loading && !waiting.empty) void loadManager()
    return result
  }

  async function loadManager(): Promise<void> {
    loading = true
    try {
      const loaded = load(options.wasm)
      // From here on asynchronous: no listener runs inside the caller's own call, which may be part of a render.
      await null
      if (!closed) show(LOADING)
      const makeManager = await loaded
      if (closed) return
      manager = makeManager(completeOptions(options), weakly(onChange))
      waiting.performAll(manager)
      // The manager tells what changes, and nothing has: it has found nothing, or everyone who waited has given up.
      if (snapshot === LOADING) show(IDLE)
    } catch (cause) {
      // Before anybody is told: whoever then tries again starts another attempt.
      loading = false
      if (closed) return
      const error =
        cause instanceof GuestpassError ? cause : new GuestpassError('load_failed', String(cause), { cause })
      waiting.rejectAll(error)
      show(notLoaded(error))
    }
  }

  /** As `fetch` does it: what the caller changes later in an object that it goes on using does not count. */
  async function fetchOnceLoaded(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const to = input instanceof URL ? input.href : input
    let given = init
    if (init && !(init instanceof Request)) {
      given = { ...init }
      if (init.headers) given.headers = new Headers(init.headers)
    }
    return onceLoaded((manager) => manager.fetch(to, given), signalOf(input, init))
  }

  function listen<Args extends unknown[]>(listeners: Listeners<Args>, listener: (...args: Args) => void): () => void {
    const remove = listeners.add(listener)
    listenedTo.add(session)
    return () => {
      remove()
      if (snapshotListeners.empty && eventListeners.empty) listenedTo.delete(session)
    }
  }

  function start(): Promise<void> {
    // What counts is what the caller could know.
    const anew = snapshot.status === 'signed_out'
    return onceLoaded((manager) => manager.start(anew))
  }

  async function upgrade(kind: UpgradeKind, given: object): Promise<Membership> {
    // What the caller changes later in an object that it goes on using does not count.
    let body = { ...given }
    if ('passkey' in given) {
      const { askForPasskey } = await import('./passkeys.js')
      body = await askForPasskey(session, kind, given as { readonly email?: string })
    }
    return onceLoaded((manager) => manager.upgrade(kind, body))
  }

  const session: Session = {
    fetch: (input, init) => (manager ? manager.fetch(input, init) : fetchOnceLoaded(input, init)),
    async token({ signal, timeout } = {}) {
      checkTokenTimeout(timeout)
      if (manager) return manager.token(signal, timeout)
      const asked = performance.now()
      const remaining = () => timeout && Math.max(1, timeout - (performance.now() - asked))
      return onceLoaded((manager) => manager.token(signal, remaining()), signal, timeout)
    },
    start,
    async signOut({ next } = {}) {
      checkNext(next)
      return onceLoaded((manager) => manager.signOut(next === 'none'))
    },
    register: (credentials: Credentials) => upgrade('register', credentials),
    login: (credentials: Credentials) => upgrade('login', credentials),
    link: ({ idToken, nonce }) => upgrade('link', { id_token: idToken, nonce }),
    erase: () => onceLoaded((manager) => manager.erase()),
    expire: () => manager?.expire(),
    getSnapshot: () => snapshot,
    subscribe: (listener) => listen(snapshotListeners, listener),
    onEvent: (listener) => listen(eventListeners, listener),
    close() {
      if (closed) return
      const last = manager
      closed = true
      manager = undefined
      last?.close()
      // Not at once: what calls this may be called by it.
      queueMicrotask(() => last?.free())
      waiting.rejectAll(closedError())
      if (snapshot.status !== 'closed') show(CLOSED)
      snapshotListeners.clear()
      eventListeners.clear()
      listenedTo.delete(session)
    },
  }
  return session
}

/** Sessions with listeners, which hear of changes also when the app holds the session no more. */
const listenedTo = new Set<Session>()

/**
 * The compiled code holds what it calls for as long as a session lives, and the session lives for as long as the face holds
 * it: a reference back to the face would keep both for ever.
 */
function weakly(onChange: OnChange): OnChange {
  const reference = new WeakRef(onChange)
  return (snapshot, event) => reference.deref()?.(snapshot, event)
}

/** The signal that `fetch` obeys: that of `init`, where null means none, before that of a `Request`. */
function signalOf(input: RequestInfo | URL, init: RequestInit | undefined): AbortSignal | null | undefined {
  return init?.signal === undefined && input instanceof Request ? input.signal : init?.signal
}

function closedError(): GuestpassError {
  return new GuestpassError('closed', 'the session is closed')
}
