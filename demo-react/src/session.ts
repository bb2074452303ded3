// First: it has to see the requests that the session sends.
import './request-log'
import { createSession, type Session } from 'guestpass'

declare global {
  interface Window {
    /** The page's session, for whoever wants to try it in the console. */
    guestpass: Session
  }
}

/** The visitor's session: one for the whole page. Nothing is asked of the server before the first `session.fetch`. */
export const session = createSession({ baseUrl: window.location.origin })

window.guestpass = session
