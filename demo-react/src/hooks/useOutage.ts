import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import type { ErrorCode, SnapshotError, Status } from 'guestpass'
import { useSession } from 'guestpass/react'
import { useCallback, useState, useSyncExternalStore } from 'react'
import { failureOf } from '../failure'

/** The server is unreachable, and the page waits for it. */
export interface Outage {
  readonly reason: 'offline' | ErrorCode
  /** When the next attempt follows, in milliseconds since the epoch. Null during an attempt. */
  readonly retryAt: number | null
}

const TRYING: ReadonlySet<Status> = new Set(['loading', 'acquiring', 'refreshing'])

/** The current outage: the browser is offline, the session gets no token, or a query gets no data. Null without one. */
export function useOutage(): Outage | null {
  const { status, error } = useSession()
  const online = useSyncExternalStore(subscribeOnline, () => navigator.onLine)
  const dataFails = useFailingQuery()

  // During an attempt the status is not `unavailable`, but the attempt may fail: the outage lasts until one succeeds.
  const [lastError, setLastError] = useState<SnapshotError | null>(null)
  const sessionError = status === 'unavailable' ? (error ?? null) : TRYING.has(status) ? lastError : null
  if (sessionError !== lastError) setLastError(sessionError)

  if (!online) return { reason: 'offline', retryAt: null }
  if (sessionError) {
    return { reason: sessionError.code, retryAt: status === 'unavailable' ? sessionError.retryAt : null }
  }
  return dataFails ? { reason: 'network', retryAt: null } : null
}

/** Whether a query of the page is repeated because the server is unreachable. */
function useFailingQuery(): boolean {
  const client = useQueryClient()
  const subscribe = useCallback((listener: () => void) => client.getQueryCache().subscribe(listener), [client])
  return useSyncExternalStore(subscribe, () => failing(client))
}

function failing(client: QueryClient): boolean {
  return client
    .getQueryCache()
    .findAll({ type: 'active' })
    .some(({ state }) => failureOf(state.fetchFailureReason ?? state.error)?.kind === 'unreachable')
}

function subscribeOnline(listener: () => void): () => void {
  window.addEventListener('online', listener)
  window.addEventListener('offline', listener)
  return () => {
    window.removeEventListener('online', listener)
    window.removeEventListener('offline', listener)
  }
}
