import type { AccountRequest } from '../pkg/guestpass_sdk.js'
import type { LoadManagerFactory, Manager, ManagerFactory, ManagerOptions, OnChange } from '../src/manager.js'
import { managedSessionFactory } from '../src/session.js'
import type { SessionEvent, SessionOptions, Snapshot } from '../src/types.js'

/** A snapshot of a guest with the given number. */
export function guest(number: number): Snapshot {
  return { status: 'active', id: `anonymous_${number}`, kind: 'guest', expiresAt: number }
}

/** Simulates the compiled code. Each `load()` waits until the test calls `succeed` or `fail`. */
export class FakeModule {
  readonly managers: FakeManager[] = []
  readonly #pending: { resolve(loaded: ManagerFactory): void; reject(error: unknown): void }[] = []
  loads = 0

  readonly load: LoadManagerFactory = () => {
    this.loads += 1
    return new Promise((resolve, reject) => this.#pending.push({ resolve, reject }))
  }

  /** @param prepare - called with each new manager before the queued calls. */
  succeed(prepare: (manager: FakeManager) => void = () => {}): void {
    this.#next().resolve((options, onChange) => {
      const manager = new FakeManager(options, onChange)
      this.managers.push(manager)
      prepare(manager)
      return manager
    })
  }

  fail(error: unknown): void {
    this.#next().reject(error)
  }

  /** The last manager that was created. */
  get manager(): FakeManager {
    const manager = this.managers.at(-1)
    if (!manager) throw new Error('no manager was created')
    return manager
  }

  #next() {
    const pending = this.#pending.shift()
    if (!pending) throw new Error('nothing is being loaded')
    return pending
  }
}

/** Records its calls, which succeed at once. */
export class FakeManager implements Manager {
  readonly calls: string[] = []
  readonly inits: (RequestInit | undefined)[] = []
  readonly timeouts: (number | null | undefined)[] = []

  constructor(
    readonly options: ManagerOptions,
    readonly onChange: OnChange,
  ) {}

  /** Reports a snapshot, and optionally an event. */
  notify(snapshot: Snapshot | undefined, event?: SessionEvent): void {
    this.onChange(snapshot, event)
  }

  async start(reset: boolean): Promise<void> {
    this.calls.push(reset ? 'start, reset' : 'start')
  }

  async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    this.calls.push(`fetch ${input}`)
    this.inits.push(init)
    return new Response(`response to ${input}`)
  }

  async token(_signal?: AbortSignal | null, timeout?: number | null): Promise<string> {
    this.calls.push('token')
    this.timeouts.push(timeout)
    return 'a-token'
  }

  async signOut(permanent: boolean): Promise<void> {
    this.calls.push(permanent ? 'signOut, permanent' : 'signOut')
  }

  async accountRequest({ kind, method, path, body }: AccountRequest): Promise<unknown> {
    this.calls.push([kind ?? 'other', method, path, body].filter(Boolean).join(' '))
    return { sessions: [] }
  }

  expire(): void {
    this.calls.push('expire')
  }

  close(): void {
    this.calls.push('close')
  }

  free(): void {
    this.calls.push('free')
  }
}

/** A session whose session manager is not loaded yet. */
export function setUp(options: SessionOptions = {}) {
  const module = new FakeModule()
  const createSession = managedSessionFactory(module.load)
  return { module, createSession, session: createSession({ baseUrl: 'https://shop.example', ...options }) }
}

/** A session whose session manager is loaded. */
export async function setUpLoaded(options: SessionOptions = {}) {
  const { module, session, ...rest } = setUp(options)
  const started = session.start()
  module.succeed()
  await started
  return { module, session, manager: module.manager, ...rest }
}
