/** A set of listeners. A listener that throws affects neither the other listeners nor the caller of `emit`. */
export class Listeners<Args extends unknown[]> {
  readonly #entries = new Set<{ readonly listener: (...args: Args) => void }>()

  get empty(): boolean {
    return this.#entries.size === 0
  }

  /** Adds a listener and returns a function that removes it. The same function added twice is two listeners. */
  add(listener: (...args: Args) => void): () => void {
    const entry = { listener }
    this.#entries.add(entry)
    return () => {
      this.#entries.delete(entry)
    }
  }

  /** Calls each listener. Skips listeners that are added or removed by another listener during the call. */
  emit(...args: Args): void {
    for (const entry of [...this.#entries]) {
      if (!this.#entries.has(entry)) continue
      try {
        entry.listener(...args)
      } catch (error) {
        report(error)
      }
    }
  }

  clear(): void {
    this.#entries.clear()
  }
}

const waiting = new WeakMap<EventTarget, Listeners<[]>>()
const emitAbort = ({ target }: Event) => waiting.get(target as EventTarget)?.emit()

/**
 * Calls `listener` when the signal is aborted. Returns a function that removes the listener. All listeners of a signal share
 * one of the signal itself, because Node warns of more than ten.
 */
export function onAbort(signal: AbortSignal | null | undefined, listener: () => void): () => void {
  if (!signal) return () => {}
  const listeners = waiting.get(signal) ?? new Listeners()
  waiting.set(signal, listeners)
  const remove = listeners.add(listener)
  // Without effect when the signal has it already.
  signal.addEventListener('abort', emitAbort)
  return () => {
    remove()
    if (listeners.empty) signal.removeEventListener('abort', emitAbort)
  }
}

/** Reports an error as uncaught, as browsers do with an exception of a DOM event listener. */
export function report(error: unknown): void {
  if (typeof reportError === 'function') {
    reportError(error)
  } else {
    queueMicrotask(() => {
      throw error
    })
  }
}
