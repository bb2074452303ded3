import { useSyncExternalStore } from 'react'
import { type Failure, failureOf } from './failure'
import { session } from './session'

/** What is known of something that the server holds. The same object until something changes. */
export interface ResourceState<T> {
  readonly data: T | undefined
  /** Why the last attempt failed; kept until one succeeds. */
  readonly failure: Failure | null
  readonly loading: boolean
  /** When the next attempt follows by itself, in milliseconds since the epoch. */
  readonly retryAt: number | null
}

interface ResourceOptions {
  /** Whether the data belongs to one visitor, and is forgotten with that visitor. */
  readonly personal: boolean
}

const FIRST_DELAY = 1000
const LONGEST_DELAY = 15_000

/**
 * Something that the server holds, loaded while a component shows it: at first, when the visitor has become somebody
 * else, when the session or the network is back, and when the tab comes into view (another tab may have changed it).
 */
export class Resource<T> {
  readonly #load: (signal: AbortSignal) => Promise<T>
  readonly #personal: boolean
  readonly #listeners = new Set<() => void>()
  #state: ResourceState<T> = { data: undefined, failure: null, loading: true, retryAt: null }
  #attempt: AbortController | null = null
  #failures = 0
  #retry: ReturnType<typeof setTimeout> | undefined
  /** Whose data it is. Undefined before anything was loaded. */
  #loadedAs: string | null | undefined
  #sessionWasDown = false
  #unwatch: (() => void) | null = null

  constructor(load: (signal: AbortSignal) => Promise<T>, { personal }: ResourceOptions) {
    this.#load = load
    this.#personal = personal
  }

  readonly getSnapshot = (): ResourceState<T> => this.#state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    if (!this.#unwatch) this.#watch()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size === 0) this.#rest()
    }
  }

  /** Loads again, in place of an attempt that may be under way. */
  readonly reload = async (): Promise<void> => {
    this.#callOff()
    const attempt = new AbortController()
    this.#attempt = attempt
    const startedAs = session.getSnapshot().id
    this.#update({ loading: true, retryAt: null })
    try {
      const data = await this.#load(attempt.signal)
      if (this.#attempt !== attempt) return
      this.replace(data)
      // The visitor became somebody else meanwhile, and the answer may be either's.
      if (startedAs !== null && startedAs !== session.getSnapshot().id) this.#reloadIfWanted()
    } catch (error) {
      if (this.#attempt !== attempt) return
      this.#attempt = null
      this.#failed(failureOf(error))
    }
  }

  /** Takes what the server has just answered elsewhere, which is newer than an attempt that may be under way. */
  replace(data: T): void {
    this.#callOff()
    this.#failures = 0
    this.#loadedAs = session.getSnapshot().id
    this.#update({ data, failure: null, loading: false, retryAt: null })
  }

  #failed(failure: Failure | null): void {
    // A session that is down mostly tries by itself, and its recovery brings the next attempt.
    const sessionRetries = typeof session.getSnapshot().error?.retryAt === 'number'
    if (failure?.kind !== 'unreachable' || sessionRetries) {
      this.#update({ failure, loading: false, retryAt: null })
      return
    }
    const delay = Math.min(FIRST_DELAY * 2 ** this.#failures, LONGEST_DELAY)
    this.#failures += 1
    this.#retry = setTimeout(this.reload, delay)
    this.#update({ failure, loading: false, retryAt: Date.now() + delay })
  }

  #watch(): void {
    const seen = () => {
      if (document.visibilityState === 'visible') this.#reloadIfWanted()
    }
    const online = () => this.#reloadIfWanted()
    const unsubscribe = session.subscribe(this.#sessionChanged)
    document.addEventListener('visibilitychange', seen)
    window.addEventListener('focus', seen)
    window.addEventListener('online', online)
    this.#unwatch = () => {
      unsubscribe()
      document.removeEventListener('visibilitychange', seen)
      window.removeEventListener('focus', seen)
      window.removeEventListener('online', online)
    }
    void this.reload()
  }

  #rest(): void {
    this.#unwatch?.()
    this.#unwatch = null
    this.#callOff()
  }

  readonly #sessionChanged = (): void => {
    const { id, status } = session.getSnapshot()
    const known = this.#loadedAs !== undefined
    if (known && this.#personal && id !== this.#loadedAs) this.#forget()
    if (status === 'unavailable') {
      this.#sessionWasDown = true
      return
    }
    if (status !== 'active') return
    const recovered = this.#sessionWasDown
    this.#sessionWasDown = false
    if (recovered || (known && id !== this.#loadedAs)) this.#reloadIfWanted()
  }

  /** Not after a sign-out: whoever has left is not made a new guest before asking for something. */
  #reloadIfWanted(): void {
    const { status } = session.getSnapshot()
    const over = status === 'signed_out' || status === 'ended' || status === 'closed'
    if (!over && !this.#attempt) void this.reload()
  }

  #forget(): void {
    this.#update({ data: undefined })
  }

  #callOff(): void {
    clearTimeout(this.#retry)
    this.#attempt?.abort()
    this.#attempt = null
  }

  #update(change: Partial<ResourceState<T>>): void {
    this.#state = { ...this.#state, ...change }
    for (const listener of this.#listeners) listener()
  }
}

export function useResource<T>(resource: Resource<T>): ResourceState<T> {
  return useSyncExternalStore(resource.subscribe, resource.getSnapshot)
}
