import { GuestpassError } from '../errors.js'
import type { ErrorCode, Session, Status } from '../types.js'

const ENDED: { readonly [status in Status]?: readonly [code: ErrorCode, message: string] } = {
  signed_out: ['signed_out', 'the session was signed out'],
  ended: ['session_ended', 'the server has ended the session'],
  closed: ['closed', 'the session is closed'],
}

/**
 * Calls `listener` when the session no longer belongs to the visitor of an open connection: with an error when the session
 * is signed out, ended or closed, without one when it belongs to another visitor. Returns a function that stops listening.
 *
 * A server checks the token when a connection opens, and the connection may stay open for hours.
 */
export function onVisitorChange(session: Session, listener: (error?: GuestpassError) => void): () => void {
  let { id } = session.getSnapshot()
  return session.subscribe(() => {
    const { status, id: current } = session.getSnapshot()
    const ended = ENDED[status]
    if (ended) listener(new GuestpassError(...ended))
    else if (id !== null && current !== id) listener()
    id = current
  })
}
