import { GuestpassError } from './errors.js'
import { onAbort } from './listeners.js'
import type { Manager } from './manager.js'

/** Calls that wait until the session manager is loaded, in the order in which they were made. Each call settles. */
export class CallQueue {
  readonly #calls = new Set<Call>()
  readonly #timeout: number

  /** @param timeout - the longest wait of a call without a timeout of its own, in milliseconds. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  get empty(): boolean {
    return this.#calls.size === 0
  }

  /** Queues a call. Rejects with `timeout`, with the reason of `signal`, or with the reason given to `rejectAll`. */
  add<T>(perform: (manager: Manager) => Promise<T>, signal?: AbortSignal | null, timeout = this.#timeout): Promise<T> {
    if (signal?.aborted) return Promise.reject(signal.reason)
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        clearTimeout(timer)
        removeListener()
        this.#calls.delete(call)
      }
      const call: Call = {
        perform(manager) {
          leave()
          // An async function, so that a call that throws does not prevent the calls after it.
          resolve((async () => perform(manager))())
        },
        reject(reason) {
          leave()
          reject(reason)
        },
      }
      const removeListener = onAbort(signal, () => call.reject(signal?.reason))
      const timer = setTimeout(() => {
        const message = `the compiled session manager was not loaded within ${timeout} ms`
        call.reject(new GuestpassError('timeout', message))
      }, timeout)
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
