// The record as text: JSON.

/** As it is stored. */
interface StoredRecord {
  epoch: number
  generation: number
  parting: number
  claim: string | undefined
  credential: {
    access_token: string | undefined
    refresh_token: string | undefined
    id: string | null
    lifetime: number | undefined
    expires_at: number | undefined
  } | null
}

/** A record, field by field. */
export type Fields = [
  epoch: number,
  generation: number,
  /** How the epoch before has ended. */
  parting: number,
  claim: string | undefined,
  accessToken: string | undefined,
  refreshToken: string | undefined,
  id: string | undefined,
  lifetime: number | undefined,
  expiresAt: number | undefined,
]

/** Raised when older code could misread a record. What is only added does not raise it. */
const FORMAT = 1

/**
 * What is stored: nothing, something that is corrupt, or a record. Undefined for what a newer Guestpass in another tab
 * has written: that is neither read nor replaced.
 */
export function readRecord(stored: unknown): [corrupt: boolean, ...Partial<Fields>] | undefined {
  if (stored == null) return [false]
  const { v, epoch, generation, parting, claim, credential } = parse(stored) ?? {}
  if (v > FORMAT) return
  const { access_token, refresh_token, id, lifetime, expires_at } = credential ?? {}
  const sound =
    v === FORMAT &&
    isCount(epoch) &&
    isCount(generation) &&
    (credential == null || typeof access_token === 'string') &&
    [claim, refresh_token, id].every((text) => text == null || typeof text === 'string') &&
    [parting, lifetime, expires_at].every((number) => number == null || isCount(number))
  if (!sound) return [true]
  const times = [lifetime ?? undefined, expires_at ?? undefined] as const
  return [false, epoch, generation, parting, claim, access_token, refresh_token, id, ...times]
}

/** Of `credential`, what is no number or no text is as good as missing. */
export function writeRecord(record: StoredRecord): string {
  return JSON.stringify({ v: FORMAT, ...record })
}

/** A whole number that was written here. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

// biome-ignore lint/suspicious/noExplicitAny: whatever JSON holds; `readRecord` checks it
function parse(stored: unknown): any {
  try {
    return JSON.parse(stored as string)
  } catch {
    return
  }
}
