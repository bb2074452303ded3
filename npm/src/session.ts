import { createCollection } from './collection.js'
import { GuestpassError } from './errors.js'
import { Listeners } from './listeners.js'
import { loadPart } from './load-part.js'
import type { LoadManagerClass, LoadManagerFactory, Manager, OnChange, WasmOptions } from './manager.js'
import {
  type CheckedOptions,
  checkNext,
  checkOptions,
  checkRequestOptions,
  checkTokenTimeout,
  completeOptions,
} from './options.js'
import { CallQueue } from './queue.js'
import { CLOSED, IDLE, LOADING, notLoaded } from './snapshots.js'
import type {
  Credentials,
  GuestpassRequestInit,
  Membership,
  Session,
  SessionEvent,
  SessionInfo,
  SessionOptions,
  Snapshot,
} from './types.js'
import { sendWithoutManager } from './without-manager.js'

/**
 * Returns the `createSession` of an entry. All of its sessions share the code that `load` loads.
 *
 * @param startWorker - starts the worker for proofs of work, where there are workers.
 */
export function sessionFactory(
  load: LoadManagerClass,
  startWorker?: () => Worker,
): (options?: SessionOptions) => Session {
  return managedSessionFactory(async (wasm) => {
    const SessionManager = await load(wasm)
    return (options, onChange) => {
      const solve = solver(options.captcha, onChange, startWorker)
      return new SessionManager({ ...options, errorClass: GuestpassError, solve }, onChange)
    }
  })
}

/** Answers a login to which the server has responded with 428, by code that is loaded with the first one. */
function solver(
  captcha: SessionOptions['captcha'],
  onChange: OnChange,
  startWorker: (() => Worker) | undefined,
): WasmOptions['solve'] {
  const answer = untilLoaded(() =>
    loadPart('challenges of the server', import('./challenge.js')).then(({ answerer }) =>
      answerer(captcha, onChange, startWorker),
    ),
  )
  return async (problem, signal) => (await answer())(problem, signal)
}

/** The same as `sessionFactory`, with any session manager. After a failed `load`, the next call loads again. */
export function managedSessionFactory(load: LoadManagerFactory): (options?: SessionOptions) => Session {
  const loadOnce = untilLoaded(load)
  return (options) => lazySession(checkOptions(options), loadOnce)
}

/** A function that calls `load` once, and again after a failure. */
function untilLoaded<Args extends unknown[], Loaded>(
  load: (...args: Args) => Promise<Loaded>,
): (...args: Args) => Promise<Loaded> {
  let loaded: Promise<Loaded> | undefined
  return (...args) => {
    loaded ??= load(...args).catch((error: unknown) => {
      loaded = undefined
      throw error
    })
    return loaded
  }
}

/**
 * A session that loads its session manager at the first use. From then on it passes all calls to it.
 *
 * Closures, not a class: libraries that take a `fetch` call `session.fetch` without its object.
 */
function lazySession(options: CheckedOptions, load: LoadManagerFactory): Session {
  const snapshotListeners = new Listeners<[]>()
  const eventListeners = new Listeners<[SessionEvent]>()
  const waiting = new CallQueue(options.timeout)
  let snapshot: Snapshot = IDLE
  let manager: Manager | undefined
  let loading = false
  /** A call that may end the session or change its visitor waits for the session manager: later requests wait as well. */
  let changing = false
  let closed = false

  const onChange: OnChange = (next, event) => {
    if (closed) return
    if (next) setSnapshot(next)
    if (event) eventListeners.emit(event)
  }

  function setSnapshot(next: Snapshot): void {
    if (next === snapshot) return
    snapshot = next
    snapshotListeners.emit()
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
      // Listeners must not run inside the caller's own call, which may be part of a React render.
      await null
      if (!closed) setSnapshot(LOADING)
      const createManager = await loaded
      if (closed) return
      manager = createManager(completeOptions(options), weakly(onChange))
      removeRetry()
      waiting.performAll(manager)
      // The manager reports changes only. It reports none when all waiting callers have given up.
      if (snapshot === LOADING) setSnapshot(IDLE)
    } catch (cause) {
      // Reset before callers and listeners run, so that a call that they make starts another attempt.
      loading = changing = false
      if (closed) return
      const error =
        cause instanceof GuestpassError ? cause : new GuestpassError('load_failed', String(cause), { cause })
      waiting.rejectAll(error)
      setSnapshot(notLoaded(error))
      if (error.code === 'network' && !loading && !closed) globalThis.addEventListener?.('online', retry)
    }
  }

  /** Loads the code again: its callers have been told that there was no network, and may not call again. */
  function retry(): void {
    removeRetry()
    // The snapshot shows a failure.
    start().catch(() => {})
  }

  function removeRetry(): void {
    globalThis.removeEventListener?.('online', retry)
  }

  /** Copies the arguments first: like `fetch`, it ignores changes that the caller makes to them after the call. */
  async function fetchOnceLoaded(input: RequestInfo | URL, init?: GuestpassRequestInit): Promise<Response> {
    checkRequestOptions(init?.guestpass, 'guestpass', 'fetch')
    // Not `instanceof`: objects may be of another realm or library. The session manager checks them.
    const to = (input as URL).href ?? input
    let given = init
    // A `Request` in the place of an init has getters, which this would not copy.
    if (init && !('url' in init)) {
      given = { ...init }
      if (init.headers) given.headers = new Headers(init.headers)
    }
    const sent =
      manager || closed ? undefined : sendWithoutManager(options, to, given, changing ? undefined : onceLoaded)
    return sent ?? onceLoaded((manager) => manager.fetch(to, given), signalOf(input, init))
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
    // Only a caller that could see the sign-out asks for a new guest.
    const reset = snapshot.status === 'signed_out'
    return onceLoaded((manager) => manager.start(reset))
  }

  /** A request with the refresh token, which `fetch` never attaches. */
  function ask<T>(method: string, path: string, body?: object, kind?: 'upgrade' | 'erase'): Promise<T> {
    changing = true
    // A copy: changes that the caller makes to the object after the call have no effect.
    const request = { method, path, body: body && JSON.stringify(body), kind }
    return onceLoaded((manager) => manager.accountRequest(request) as Promise<T>)
  }

  async function upgrade(path: '/register' | '/login' | '/link', given: object): Promise<Membership> {
    let body = given
    if ('passkey' in given) {
      const { askForPasskey } = await loadPart('passkeys', import('./passkeys.js'))
      body = await askForPasskey(session, ask, path, given as { email?: string })
    }
    return ask('POST', path, body, 'upgrade')
  }

  const session: Session = {
    fetch: (input, init) => (manager && !init?.guestpass ? manager.fetch(input, init) : fetchOnceLoaded(input, init)),
    collection: (name) => createCollection(session.fetch, name),
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
      changing = true
      return onceLoaded((manager) => manager.signOut(next === 'none'))
    },
    register: (credentials: Credentials) => upgrade('/register', credentials),
    login: (credentials: Credentials) => upgrade('/login', credentials),
    link: ({ idToken, nonce }) => upgrade('/link', { id_token: idToken, nonce }),
    erase: () => ask('DELETE', '/me', undefined, 'erase'),
    export: () => ask('GET', '/me/export'),
    sessions: {
      list: async () => (await ask<{ sessions: SessionInfo[] }>('GET', '/me/sessions')).sessions,
      async end(id) {
        // After a request alone, every tab of this browser would take the end of the session for a fault.
        const own = (await session.sessions.list()).find(({ current }) => current)
        return own?.id === id ? session.signOut() : ask('DELETE', `/me/sessions/${encodeURIComponent(id)}`)
      },
      endOthers: () => ask('DELETE', '/me/sessions'),
    },
    expire: () => manager?.expire(),
    getSnapshot: () => snapshot,
    subscribe: (listener) => listen(snapshotListeners, listener),
    onEvent: (listener) => listen(eventListeners, listener),
    close() {
      if (closed) return
      const last = manager
      closed = true
      manager = undefined
      removeRetry()
      last?.close()
      // Later, because `close` may be called by a listener that the manager itself is calling.
      queueMicrotask(() => last?.free())
      waiting.rejectAll(closedError())
      if (snapshot.status !== 'closed') setSnapshot(CLOSED)
      snapshotListeners.clear()
      eventListeners.clear()
      listenedTo.delete(session)
    },
  }
  return session
}

/** Keeps sessions that have listeners from being collected, also when the app has dropped its reference. */
const listenedTo = new Set<Session>()

/**
 * Breaks a cycle that the garbage collector cannot see: the session refers to the session manager, and the compiled code
 * to `onChange`, which refers to the session.
 */
function weakly(onChange: OnChange): OnChange {
  const reference = new WeakRef(onChange)
  return (snapshot, event) => reference.deref()?.(snapshot, event)
}

/** The signal of a call of `fetch`: that of `init`, where null means none, or else that of the `Request`. */
function signalOf(input: RequestInfo | URL, init: RequestInit | undefined): AbortSignal | null | undefined {
  return init?.signal === undefined ? (input as Request).signal : init.signal
}

function closedError(): GuestpassError {
  return new GuestpassError('closed', 'the session is closed')
}
