// Tokens, keys and ids. The compiled machine names each by a number, and never has the text itself.

import type { Kind } from '../types.js'

/** What a subject starts with, by what it stands for: something unknown, a guest, a user. */
const PREFIXES = ['', 'anonymous_', 'user_']
const KINDS = [null, 'guest', 'user'] as const

/** The number of `invalid_grant`, which the machine knows: the one code that ends a session. */
const INVALID_GRANT = 1

/** Equal texts have equal numbers; 0 stands for none. */
export interface Texts {
  number(text: string | undefined): number
  text(number: number): string | undefined
  /** Four times the number of what stays when a guest becomes a user, and the place of its prefix. */
  subject(id: string | undefined): number
  id(subject: number): string | null
  kind(subject: number): Kind | null
  /** Drops the texts that the machine does not hold. */
  forget(holds: (number: number) => boolean): void
}

export function keepTexts(): Texts {
  const texts = new Map<number, string>()
  const numbers = new Map<string, number>()
  let next = INVALID_GRANT

  function number(text: string | undefined): number {
    if (!text) return 0
    const known = numbers.get(text)
    if (known) return known
    numbers.set(text, next)
    texts.set(next, text)
    return next++
  }

  number('invalid_grant')
  return {
    number,
    text: (number) => texts.get(number),
    subject(id = '') {
      const [, prefix = '', visitor] = /^(anonymous_|user_)?(.*)/s.exec(id) as unknown as string[]
      return number(visitor) * 4 + PREFIXES.indexOf(prefix)
    },
    id: (subject) => (subject > 3 ? PREFIXES[subject & 3] + (texts.get(subject >> 2) as string) : null),
    kind: (subject) => KINDS[subject & 3] ?? null,
    forget(holds) {
      for (const [number, text] of texts) {
        if (number === INVALID_GRANT || holds(number)) continue
        texts.delete(number)
        numbers.delete(text)
      }
    },
  }
}
