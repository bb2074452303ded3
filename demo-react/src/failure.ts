import { type ErrorCode, GuestpassError } from 'guestpass'
import { ApiError } from './api/request'

/** Why data did not load or was not saved. */
export interface Failure {
  /** `unreachable` is temporary, so trying again helps. `refused` is permanent. */
  readonly kind: 'unreachable' | 'refused'
  /** The message of the server, or null when there was no response. */
  readonly message: string | null
}

const TEMPORARY = new Set<ErrorCode>(['network', 'timeout', 'unavailable', 'load_failed'])

/** Classifies an error. Null for a request that was cancelled on purpose. */
export function failureOf(error: unknown): Failure | null {
  if (error === null || error === undefined) return null
  if (error instanceof DOMException && error.name === 'AbortError') return null
  if (error instanceof GuestpassError) {
    if (error.code === 'signed_out' || error.code === 'closed') return null
    const detail = error.problem?.detail
    return TEMPORARY.has(error.code) ? unreachable(detail) : { kind: 'refused', message: detail ?? error.message }
  }
  if (error instanceof ApiError) {
    return error.status >= 500 || error.status === 429
      ? unreachable(error.message)
      : { kind: 'refused', message: error.message }
  }
  // Any other error is a TypeError of fetch, or comes from an incomplete response.
  return unreachable()
}

function unreachable(message: string | null = null): Failure {
  return { kind: 'unreachable', message }
}
