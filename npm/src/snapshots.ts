import type { GuestpassError } from './errors.js'
import type { Snapshot, Status } from './types.js'

/** The snapshot before the first use, and of every session that is rendered on a server. */
export const IDLE = withoutVisitor('idle')

/** The snapshot while the compiled code loads. */
export const LOADING = withoutVisitor('loading')

export const CLOSED = withoutVisitor('closed')

/**
 * The snapshot after the compiled code failed to load. The next call tries again. The session itself does so only when the
 * code is `network`, as soon as the browser is online.
 */
export function notLoaded({ code, message }: GuestpassError): Snapshot {
  return { ...withoutVisitor('unavailable'), error: { code, message, retryAt: null } }
}

function withoutVisitor(status: Status): Snapshot {
  return Object.freeze({ status, id: null, kind: null, expiresAt: null })
}
