import type { GuestpassError } from './errors.js'
import type { Snapshot, Status } from './types.js'

/** Before the first use, and for whoever renders without a browser. */
export const IDLE = nobody('idle')

/** The compiled code is on its way. */
export const LOADING = nobody('loading')

export const CLOSED = nobody('closed')

/** The compiled code could not be loaded. The next use tries again, not the session by itself. */
export function notLoaded({ code, message }: GuestpassError): Snapshot {
  return { ...nobody('unavailable'), error: { code, message, retryAt: null } }
}

function nobody(status: Status): Snapshot {
  return Object.freeze({ status, id: null, kind: null, expiresAt: null })
}
