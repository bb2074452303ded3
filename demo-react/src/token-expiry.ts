import { useSession } from 'guestpass/react'
import { useSyncExternalStore } from 'react'
import { session } from './session'

const KEY = 'guestpass-demo:lifetime'

let lifetime = stored()
/** The `expiresAt` of the token that `expireNow` has expired early, or null. */
let expiredEarly: number | null = null
const listeners = new Set<() => void>()

/** When the access token expires, and how long it is valid. */
export interface Expiry {
  /** In milliseconds since the epoch. 0 for a token that `expireNow` has expired. Null when it is not known. */
  readonly expiresAt: number | null
  /** The lifetime of a token, in milliseconds. Null until this browser has received a token. */
  readonly lifetime: number | null
}

export function useExpiry(): Expiry {
  const expiresAt = useSession((snapshot) => snapshot.expiresAt)
  const early = useSyncExternalStore(subscribe, () => expiredEarly)
  return { expiresAt: expiresAt !== null && expiresAt === early ? 0 : expiresAt, lifetime }
}

/** Expires the access token. The snapshot still has the time that the server has set, so this module remembers it. */
export function expireNow(): void {
  session.expire()
  expiredEarly = session.getSnapshot().expiresAt
  for (const listener of listeners) listener()
}

// A snapshot has the expiry of the token, but not the time of issue, which is the time of an event.
session.onEvent(({ type, at }) => {
  const { expiresAt } = session.getSnapshot()
  if ((type !== 'acquired' && type !== 'refreshed') || expiresAt === null || expiresAt <= at) return
  lifetime = expiresAt - at
  try {
    localStorage.setItem(KEY, String(lifetime))
  } catch {
    // Without storage, only the countdown ring is affected: it starts full after a reload.
  }
})

function stored(): number | null {
  try {
    return Number(localStorage.getItem(KEY)) || null
  } catch {
    return null
  }
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
