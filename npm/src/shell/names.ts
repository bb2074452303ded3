// What crosses to the compiled machine and back as a number: its place in one of these lists. `sdk/src` has the same order.

import type { ErrorCode, SessionEvent, Status } from '../types.js'

export const INPUTS = [
  'start',
  'start-anew',
  'sign-out',
  'sign-out-for-good',
  'abandon',
  'saved',
  'storage-failed',
  'lock-granted',
  'lock-handed-over',
  'lock-unavailable',
  'send-failed',
  'expire',
  'close',
  'online',
  'offline',
  'visible',
  'tick',
] as const
export type InputName = (typeof INPUTS)[number]

export const EFFECTS = ['load', 'take-lock', 'release-lock', 'make-key', 'cancel', 'shutdown'] as const

/** Requests of the session's own, with their paths. */
export const REQUESTS = [
  ['acquire', '/anonymous-login'],
  ['refresh', '/token'],
  ['revoke', '/revoke'],
  ['erase', '/me'],
  ['register', '/register'],
  ['login', '/login'],
  ['link', '/link'],
] as const
export type RequestName = (typeof REQUESTS)[number][0]

export const STATUSES: readonly Status[] = [
  'idle',
  'loading',
  'acquiring',
  'active',
  'refreshing',
  'unavailable',
  'signed_out',
  'ended',
  'closed',
]

/** Why a call or an attempt failed: the code, and what it means for people, with the HTTP status in the place of `#`. */
export const FAILURES: readonly (readonly [ErrorCode | 'aborted', string] | undefined)[] = [
  undefined,
  ['network', 'the session server could not be reached'],
  ['timeout', 'no token within the time limit'],
  ['unavailable', 'the session server could not answer (HTTP #); the session is kept'],
  ['rejected', 'the session server refused the request (HTTP #); is `baseUrl` right?'],
  ['session_ended', 'the server ended the session; call start() for a fresh guest'],
  ['signed_out', 'the session was signed out'],
  ['aborted', 'the call was aborted'],
  ['closed', 'the session is closed'],
]

/** What a call comes to besides: the places go on from those of `FAILURES`. */
export const OUTCOMES = ['refused', 'member', 'done', 'deliver'] as const

export const EVENTS: readonly (SessionEvent['type'] | undefined)[] = [
  undefined,
  'restored',
  'acquired',
  'refreshed',
  'adopted',
  'unauthorized',
  'retrying',
  'identity',
  'signed_out',
  'storage',
]

export const IDENTITY_REASONS = [
  'invalid_grant',
  'unauthorized',
  'expired',
  'another_tab',
  'registered',
  'logged_in',
] as const
