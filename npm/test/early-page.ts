// What the inline script of an early login needs of a browser: a page with localStorage and Web Locks.

import { vi } from 'vitest'
import { type EarlyLoginOptions, earlyLogin } from '../src/early-login.js'

/** A page whose storage and locks are shared with the other tabs. Makes them the globals of this process. */
export class EarlyPage {
  readonly locks = new Locks()
  /** The content of localStorage. */
  readonly stored = new Map<string, string>()
  /** The texts that were stored, in their order. */
  readonly written: string[] = []
  /** The arguments of each call of `fetch`. */
  readonly sent: { readonly url: string; readonly init: RequestInit }[] = []
  /** The timers that the script has started, by their delay in milliseconds. */
  readonly timers = new Map<number, () => void>()
  /** The monotonic clock of the script, in milliseconds. */
  now = 0
  /** Whether localStorage throws, as where the visitor has blocked cookies. */
  blocked = false

  constructor(baseUrl: string) {
    const fetch = globalThis.fetch
    const storage = {
      getItem: (key: string) => {
        if (this.blocked) throw new DOMException('blocked', 'SecurityError')
        return this.stored.get(key) ?? null
      },
      setItem: (key: string, text: string) => {
        if (this.blocked) throw new DOMException('blocked', 'SecurityError')
        this.stored.set(key, text)
        this.written.push(text)
      },
    }
    vi.stubGlobal('window', {})
    vi.stubGlobal('location', new URL(baseUrl))
    vi.stubGlobal('localStorage', storage)
    vi.stubGlobal('navigator', { locks: this.locks })
    vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
      this.sent.push({ url, init })
      return fetch(url, init)
    })
  }

  /** Runs the inline script, and waits until it has decided whether to log in. */
  async runScript(options?: EarlyLoginOptions): Promise<void> {
    const setTimeout = (callback: () => void, delay: number) => this.timers.set(delay, callback)
    const performance = { now: () => this.now }
    new Function('setTimeout', 'performance', earlyLogin(options))(setTimeout, performance)
    await this.locks.settled()
  }
}

/** The part of `LockManager` that the package uses. */
class Locks {
  /** The names of the locks that are held. */
  readonly held = new Set<string>()
  /** The calls of `request`. */
  requests = 0
  readonly #waiting: (() => void)[] = []

  async request(
    name: string,
    { ifAvailable = false }: { readonly ifAvailable?: boolean },
    granted: (lock: object | null) => unknown,
  ): Promise<unknown> {
    this.requests += 1
    // A browser grants a lock in a later task.
    await new Promise((resolve) => setImmediate(resolve))
    if (this.held.has(name) && ifAvailable) return granted(null)
    while (this.held.has(name)) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.held.add(name)
    try {
      return await granted({ name })
    } finally {
      this.held.delete(name)
      this.#waiting.shift()?.()
    }
  }

  /** Resolves when every request has been granted, refused, or put into the queue. */
  async settled(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
  }
}
