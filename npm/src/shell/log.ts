/** Writes a line for each step, `input → effects | status`: names, numbers and versions, never a token (C13). */
export interface Log {
  /** An input was given; it is taken when those before it are done. */
  input(words: string): void
  effect(words: string): void
  end(status: string): void
}

export function logTo(listener: (line: string) => void): Log {
  const inputs: string[] = []
  let effects = ''
  return {
    input: (words) => inputs.push(words),
    effect(words) {
      effects += ` ${words}`
    },
    end(status) {
      const line = `${inputs.shift()} →${effects} | ${status}`
      effects = ''
      try {
        listener(line)
      } catch {
        // What the listener throws is not the session's.
      }
    },
  }
}
