/** Listeners of which one that throws disturbs neither the others nor whoever told them. */
export class Listeners<Args extends unknown[]> {
  readonly #entries = new Set<{ readonly listener: (...args: Args) => void }>()

  get empty(): boolean {
    return this.#entries.size === 0
  }

  /** Adds a listener and returns the way to remove it. The same function added twice is two listeners. */
  add(listener: (...args: Args) => void): () => void {
    const entry = { listener }
    this.#entries.add(entry)
    return () => {
      this.#entries.delete(entry)
    }
  }

  /** Calls those that are there now, except for those that are removed meanwhile. */
  tell(...args: Args): void {
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

/** Makes an error appear as an uncaught one, as the exception of a DOM event listener does. */
function report(error: unknown): void {
  if (typeof reportError === 'function') {
    reportError(error)
  } else {
    queueMicrotask(() => {
      throw error
    })
  }
}
