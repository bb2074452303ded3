import type { SnapshotError, Status } from 'guestpass'
import { useSession } from 'guestpass/react'
import { useState } from 'react'
import { cartResource } from '../cart'
import { itemsResource } from '../items'
import { useResource } from '../resource'
import { outageReason } from '../words'

/** The server does not answer, so that the page has to wait. */
export interface Outage {
  readonly reason: string
  /** When the next attempt follows, in milliseconds since the epoch. Null while one is under way. */
  readonly retryAt: number | null
}

const TRYING: ReadonlySet<Status> = new Set(['loading', 'acquiring', 'refreshing'])

/** The outage that the page is in: the session gets no token, or has one and the data does not come. */
export function useOutage(): Outage | null {
  const { status, error } = useSession()
  const items = useResource(itemsResource)
  const cart = useResource(cartResource)
  const failed = [cart, items].find(({ failure }) => failure?.kind === 'unreachable')

  // Between `unavailable` and `active` the session tries, and may well fall back: the outage lasts until it succeeds.
  const [lastError, setLastError] = useState<SnapshotError | null>(null)
  const sessionError = status === 'unavailable' ? (error ?? null) : TRYING.has(status) ? lastError : null
  if (sessionError !== lastError) setLastError(sessionError)

  if (sessionError) {
    const retryAt = status === 'unavailable' ? (sessionError.retryAt ?? failed?.retryAt ?? null) : null
    return { reason: outageReason(sessionError.code), retryAt }
  }
  return failed?.failure ? { reason: failed.failure.message, retryAt: failed.retryAt } : null
}
