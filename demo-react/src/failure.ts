import { type ErrorCode, GuestpassError } from 'guestpass'
import { ApiError } from './api/request'

/** Why something did not load or was not saved, sorted by what helps. */
export interface Failure {
  /** `unreachable` passes by itself, so trying again helps; `refused` does not. */
  readonly kind: 'unreachable' | 'refused'
  /** What the server said; null when it did not get to say anything. */
  readonly message: string | null
}

const PASSES_BY_ITSELF = new Set<ErrorCode>(['network', 'timeout', 'unavailable', 'load_failed'])

/** Null for a request that was called off on purpose. */
export function failureOf(error: unknown): Failure | null {
  if (error === null || error === undefined) return null
  if (error instanceof DOMException && error.name === 'AbortError') return null
  if (error instanceof GuestpassError) {
    if (error.code === 'signed_out' || error.code === 'closed') return null
    return PASSES_BY_ITSELF.has(error.code) ? unreachable() : { kind: 'refused', message: error.message }
  }
  if (error instanceof ApiError) {
    return error.status >= 500 || error.status === 429
      ? unreachable(error.message)
      : { kind: 'refused', message: error.message }
  }
  // What is left is fetch's own TypeError, or an answer cut short.
  return unreachable()
}

function unreachable(message: string | null = null): Failure {
  return { kind: 'unreachable', message }
}
