import { useSession } from 'guestpass/react'
import { useSyncExternalStore } from 'react'
import { session } from './session'

const KEY = 'guestpass-demo:lifetime'

let lifetime = stored()
/** The end of the token that was made to expire before it. */
let cutShort: number | null = null
const listeners = new Set<() => void>()

/** The end of the access token, in milliseconds since the epoch, and what it lives from its issue, in milliseconds. */
export interface Expiry {
  /** Zero for a token that was made to expire. Null when there is none, or nobody said. */
  readonly expiresAt: number | null
  /** Null as long as this browser has not seen a token issued. */
  readonly lifetime: number | null
}

export function useExpiry(): Expiry {
  const expiresAt = useSession((snapshot) => snapshot.expiresAt)
  const early = useSyncExternalStore(subscribe, () => cutShort)
  return { expiresAt: expiresAt !== null && expiresAt === early ? 0 : expiresAt, lifetime }
}

/** Lets the access token expire. The snapshot goes on telling the end that the server has set, so this remembers it. */
export function expireNow(): void {
  session.expire()
  cutShort = session.getSnapshot().expiresAt
  for (const listener of listeners) listener()
}

// A snapshot tells when the token expires, not when it was issued; the moment of issue passes by as an event.
session.onEvent(({ type, at }) => {
  const { expiresAt } = session.getSnapshot()
  if ((type !== 'acquired' && type !== 'refreshed') || expiresAt === null || expiresAt <= at) return
  lifetime = expiresAt - at
  try {
    localStorage.setItem(KEY, String(lifetime))
  } catch {
    // Without storage the ring starts full after a reload. Nothing else depends on it.
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
