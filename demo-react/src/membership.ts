// Registration, log-in, sign-out and erasure, and the reasons why they fail.

import { GuestpassError, type Membership } from 'guestpass'
import { failureOf } from './failure'
import { session } from './session'

export type { Membership }

export interface Password {
  readonly email: string
  readonly password: string
}

/** Whether passkeys work on this page. They need a browser with WebAuthn and a host name, not an IP address. */
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

/** Signs the visitor out in this browser. The account stays. */
export function signOut(): Promise<void> {
  return session.signOut()
}

/** Erases all data of the visitor, and signs out in every tab. */
export function erase(): Promise<void> {
  return session.erase()
}

/** The reason of a failure, as a key of the texts under `membership.errors`. */
export function refusalCode(error: unknown): string {
  if (error instanceof GuestpassError && error.reason !== undefined) return error.reason
  // The visitor has cancelled the passkey dialog, or it has timed out.
  if (error instanceof GuestpassError && error.code === 'passkey_failed') return 'cancelled'
  return failureOf(error)?.kind === 'unreachable' ? 'unreachable' : 'other'
}
