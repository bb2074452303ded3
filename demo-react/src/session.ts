// Imported first, because it replaces `fetch` and must see the requests of the session.
import './request-log'
import { createSession, type Session } from 'guestpass'

declare global {
  interface Window {
    /** The session of the page, for use in the console. */
    guestpass: Session
  }
}

/** The session of the visitor. It sends no request before the first `session.fetch`. */
export const session = createSession({ baseUrl: window.location.origin })

window.guestpass = session
