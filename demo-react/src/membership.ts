// Becoming a member: the one place that knows how it is asked for, and what its refusals mean.

import { GuestpassError, type Membership } from 'guestpass'
import { failureOf } from './failure'
import { session } from './session'

export type { Membership }

export interface Password {
  readonly email: string
  readonly password: string
}

/** Whether this browser can make and use passkeys here: they belong to a name, which an address is not. */
export const hasPasskeys = typeof PublicKeyCredential === 'function' && !/^[\d.]+$|^\[/.test(location.hostname)

export function registerWithPassword(given: Password): Promise<Membership> {
  return session.register(given)
}

export function logInWithPassword(given: Password): Promise<Membership> {
  return session.login(given)
}

export function registerWithPasskey(email: string | undefined): Promise<Membership> {
  return session.register(email === undefined ? { passkey: true } : { passkey: true, email })
}

export function logInWithPasskey(): Promise<Membership> {
  return session.login({ passkey: true })
}

/** Leaves this browser a stranger; the account stays. */
export function signOut(): Promise<void> {
  return session.signOut()
}

/** Has everything erased that is kept about the visitor, and forgets them in every tab. */
export function erase(): Promise<void> {
  return session.erase()
}

/** Why it did not work, in one word. */
export function refusalCode(error: unknown): string {
  if (error instanceof GuestpassError && error.reason !== undefined) return error.reason
  // The visitor has called it off, or let it run out.
  if (error instanceof GuestpassError && error.code === 'passkey_failed') return 'cancelled'
  return failureOf(error)?.kind === 'unreachable' ? 'unreachable' : 'other'
}
