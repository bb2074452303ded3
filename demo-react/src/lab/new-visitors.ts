// Visitors without a token, for the fault that needs a first visit. The visitor of the page keeps their session.

import { createSession, type SessionEvent } from 'guestpass'
import { classic, type LabShop, shopOf } from './shops'

interface NewVisitor {
  readonly shop: LabShop
  /** Ends the visit and restores the state before it. */
  readonly leave: () => void
}

/** A session of another name shares nothing with the session of the page. */
export function newGuestpassVisitor(onEvent: (event: SessionEvent) => void): NewVisitor {
  const session = createSession({ baseUrl: window.location.origin, name: 'lab-newcomer' })
  session.onEvent(onEvent)
  return { shop: shopOf(session), leave: () => void session.signOut().then(session.close, session.close) }
}

/** The interceptors keep one token under a fixed key, so the token of the page's visitor is put aside meanwhile. */
export function newClassicVisitor(): NewVisitor {
  const token = localStorage.getItem('token')
  localStorage.removeItem('token')
  const leave = () => {
    if (token === null) localStorage.removeItem('token')
    else localStorage.setItem('token', token)
  }
  return { shop: classic, leave }
}
