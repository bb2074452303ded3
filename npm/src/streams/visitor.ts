import { GuestpassError } from '../errors.js'
import type { ErrorCode, Session, Status } from '../types.js'

const OVER: { readonly [status in Status]?: readonly [code: ErrorCode, message: string] } = {
  signed_out: ['signed_out', 'the session was signed out'],
  ended: ['session_ended', 'the server has ended the session'],
  closed: ['closed', 'the session is closed'],
}

/**
 * A connection is checked when it opens and may stay for hours. This tells when it belongs to nobody any more, with an
 * error, or to another visitor than the session now stands for, without one. Returns the way to stop.
 */
export function whenVisitorGoes(session: Session, tell: (error?: GuestpassError) => void): () => void {
  let { id } = session.getSnapshot()
  return session.subscribe(() => {
    const { status, id: current } = session.getSnapshot()
    const over = OVER[status]
    if (over) tell(new GuestpassError(...over))
    else if (id !== null && current !== id) tell()
    id = current
  })
}
