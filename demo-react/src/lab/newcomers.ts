// Somebody who has never been here before, beside the visitor who has.

import { createSession, type SessionEvent } from 'guestpass'
import { classic, type LabShop, shopOf } from './shops'

interface Newcomer {
  readonly shop: LabShop
  readonly leave: () => void
}

/** Under a name of its own, a session sees nothing of the visitor's. */
export function guestpassNewcomer(hear: (event: SessionEvent) => void): Newcomer {
  const session = createSession({ baseUrl: window.location.origin, name: 'lab-newcomer' })
  session.onEvent(hear)
  // The outcome is nobody's concern: it is gone with this page at the latest.
  return { shop: shopOf(session), leave: () => void session.signOut().then(session.close, session.close) }
}

/** There is one place for the token, so the visitor's is put aside meanwhile. */
export function classicNewcomer(): Newcomer {
  const kept = localStorage.getItem('token')
  localStorage.removeItem('token')
  const leave = () => {
    if (kept === null) localStorage.removeItem('token')
    else localStorage.setItem('token', kept)
  }
  return { shop: classic, leave }
}
