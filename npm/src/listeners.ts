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
