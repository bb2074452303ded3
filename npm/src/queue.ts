import { GuestpassError } from './errors.js'
import type { Manager } from './manager.js'

/** Calls that wait for the session manager, in the order in which they were made. Each one settles. */
export class CallQueue {
  readonly #calls = new Set<Call>()
  readonly #timeout: number

  /** @param timeout - how long a call waits at most unless it says otherwise, in milliseconds. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  get empty(): boolean {
    return this.#calls.size === 0
  }

  /** Waits to `perform` a call. Rejects with `timeout`, the reason of `signal`, or what `rejectAll` is given. */
  add<T>(perform: (manager: Manager) => Promise<T>, signal?: AbortSignal | null, timeout = this.#timeout): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        signal?.removeEventListener('abort', onAbort)
        this.#calls.delete(call)
      }
      const call: Call = {
        perform(manager) {
          leave()
          // Asynchronous, so that one call that throws at once does not keep the others from being made.
          resolve((async () => perform(manager))())
        },
        reject(reason) {
          leave()
          reject(reason)
        },
      }
      const onAbort = () => call.reject(signal?.reason)
      const timer = setTimeout(() => {
        const message = `the compiled session manager was not there within ${timeout} ms`
        call.reject(new GuestpassError('timeout', message))
      }, timeout)
      signal?.addEventListener('abort', onAbort)
      this.#calls.add(call)
    })
  }

  performAll(manager: Manager): void {
    for (const call of this.#calls) call.perform(manager)
  }

  rejectAll(reason: Error): void {
    for (const call of this.#calls) call.reject(reason)
  }
}

interface Call {
  perform(manager: Manager): void
  reject(reason: unknown): void
}
