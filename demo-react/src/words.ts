import type { ErrorCode, IdentityReason, Kind, SessionEvent, Status } from 'guestpass'
import { seconds } from './format'

/** What each state of a session means for the visitor. */
export const STATUS_MEANING: Record<Status, string> = {
  idle: 'Nothing has been asked for yet.',
  loading: 'Reading what this browser has kept.',
  acquiring: 'Asking the server for a guest.',
  active: 'There is a token, and it renews itself when it must.',
  refreshing: 'Renewing the token. Requests wait for it, and go on by themselves.',
  unavailable: 'The server does not answer. The session is kept and tries again.',
  signed_out: 'Signed out. The next request starts a fresh guest.',
  ended: 'The server ended this session.',
  closed: 'This session was closed for good.',
}

export const KIND_NAME: Record<Kind, string> = { guest: 'Guest', user: 'User' }

export const IDENTITY_REASON: Record<IdentityReason, string> = {
  invalid_grant: 'The server had ended the old session: revoked, run out, or its refresh token was used twice.',
  unauthorized: 'The server refused the old token, and there was no way to renew it.',
  expired: 'The old token had run out, and there was no way to renew it.',
  another_tab: 'Another tab of this browser started a new session.',
}

/** Why the server gave no token, as the beginning of a sentence. */
export function outageReason(code: ErrorCode | undefined): string {
  switch (code) {
    case 'timeout':
      return 'The server took too long to answer.'
    case 'unavailable':
      return 'The server is busy or in trouble.'
    case 'rejected':
      return 'The server refuses to start a session.'
    case 'load_failed':
      return 'A part of this page could not be loaded.'
    default:
      return 'The server cannot be reached.'
  }
}

/** One event in plain words: a title for the eye, a sentence for the curious. */
export function eventWords(event: SessionEvent): { title: string; detail: string } {
  switch (event.type) {
    case 'restored':
      return { title: 'Welcome back', detail: 'The session of your last visit was still in this browser.' }
    case 'acquired':
      return { title: 'You are a guest', detail: 'The server made an id for you and a token that proves it.' }
    case 'refreshed':
      return { title: 'Token renewed', detail: `Same visitor, new token: number ${event.generation} of this session.` }
    case 'adopted':
      return {
        title: 'Token taken over',
        detail: 'Another tab had renewed it already, so this one did not have to ask.',
      }
    case 'unauthorized':
      return {
        title: 'Token refused',
        detail: 'A request came back with 401. It is sent once more with a fresh token.',
      }
    case 'retrying':
      return {
        title: 'Waiting for the server',
        detail: `${outageReason(event.code)} ${nextAttempt(event.delay)}`,
      }
    case 'identity':
      return { title: 'A new guest', detail: IDENTITY_REASON[event.reason] }
    case 'signed_out':
      return event.by === 'this_tab'
        ? { title: 'Signed out', detail: 'Forgotten in every tab, and revoked at the server.' }
        : { title: 'Signed out', detail: 'Another tab signed out, so this one did too.' }
    case 'storage':
      return event.state === 'corrupt'
        ? { title: 'Nothing usable stored', detail: 'What this browser had kept could not be read, and is ignored.' }
        : {
            title: 'Kept in memory only',
            detail: 'This browser stores nothing for this page: closing the tab ends the session.',
          }
  }
}

function nextAttempt(delay: number): string {
  return delay < 1000 ? 'Next attempt in a moment.' : `Next attempt in ${seconds(delay)}.`
}
