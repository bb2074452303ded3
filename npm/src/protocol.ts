// Generated from the Rust types, by: GUESTPASS_UPDATE=1 cargo test -p guestpass-session --features schema --test border

/**
 * What a session looks like at one moment.
 *
 * In JavaScript it is the same object until something changes, so that `===` tells whether something has changed.
 */
export interface Snapshot {
  /** Where the session stands. */
  readonly status: Status
  /** The subject: `anonymous_<uuid>` or `user_<uuid>`. `null` when there is none, or the server does not tell. */
  readonly id: string | null
  /** What the subject is. `null` when there is none, or the server does not tell. */
  readonly kind: Kind | null
  /**
   * When the access token expires, in milliseconds since the epoch (this machine's clock). `null` when it is not known.
   */
  readonly expiresAt: number | null
  /** Why the last attempt to get a credential failed, if it did. */
  readonly error?: SnapshotError
}

/**
 * Where a session stands.
 *
 * - `idle`: Nothing is known yet, and nothing is under way. The first `fetch`, `token` or `start` changes that.
 * - `loading`: The session reads what the browser has stored.
 * - `acquiring`: The session asks the server for a guest.
 * - `active`: There is a credential. It may need a refresh, which happens by itself.
 * - `refreshing`: There is a credential, and a refresh is under way.
 * - `unavailable`: The last attempt failed, and there is no usable token. The session is kept; the error of the
 *   snapshot says why the attempt failed, and when the session tries again by itself.
 * - `signed_out`: Signed out or erased, in this tab or in another one. The next request starts a fresh guest; after a
 *   permanent sign-out (`next: 'none'`), only `start`, `register`, `login` and `link` do.
 * - `ended`: The server ended the session, and the option `onIdentityLost` is `stop`. `start` begins a fresh guest.
 * - `closed`: `close` was called. A closed session stays closed.
 */
export type Status =
  | 'idle'
  | 'loading'
  | 'acquiring'
  | 'active'
  | 'refreshing'
  | 'unavailable'
  | 'signed_out'
  | 'ended'
  | 'closed'

/**
 * What kind of visitor a session stands for.
 *
 * - `guest`: A visitor without an account.
 * - `user`: A member: a visitor with an account.
 */
export type Kind = 'guest' | 'user'

/** Why the last attempt of a session to get a credential failed. */
export interface SnapshotError {
  /** What went wrong. The codes are stable. */
  readonly code: ErrorCode
  /** The same for people. Never holds a token. */
  readonly message: string
  /**
   * When the session tries again by itself, in milliseconds since the epoch. `null` during an attempt, and after an error
   * that waiting does not mend (`rejected`; in JavaScript also `load_failed` and `invalid_option`): then the next call
   * tries again. After `rejected`, calls of the next moments (at most two seconds, or the `Retry-After`) fail with the same
   * error at once.
   */
  readonly retryAt: number | null
}

/**
 * Stable codes of the errors of a session: the member `code` of a `GuestpassError`.
 *
 * A call that its own `signal` aborts is rejected with the reason of that signal, and a request that does not reach its
 * server with the `TypeError` of `fetch`: neither is an error of Guestpass.
 *
 * - `network`: The session server could not be reached, or its response was cut short.
 * - `timeout`: There was no credential by the deadline, which is the `timeout` of the session or of the call of
 *   `token`.
 * - `unavailable`: The server responded with 408, 429 or 5xx, or with something that is not a token response.
 * - `rejected`: The server refused to make or refresh a session, or to open a stream, for a reason that waiting does
 *   not mend: a wrong base URL, for example.
 * - `session_ended`: The server ended the session, and the option `onIdentityLost` is `stop`.
 * - `signed_out`: The session was signed out while the call waited, or before the call, permanently (`next: 'none'`).
 * - `refused`: The server refused to make a member of the guest, or to erase the visitor. `status` and `reason` of the
 *   error say why; the session is as it was.
 * - `closed`: The session is closed.
 * - `passkey_failed`: The browser made or found no passkey: the visitor declined, or has none. `cause` of the error is
 *   what the browser reported.
 * - `invalid_option`: An option of `createSession`, `token`, `signOut` or `openWebSocket` is wrong; the message names
 *   it.
 * - `load_failed`: The compiled session manager could not be loaded; the message says what to do.
 */
export type ErrorCode =
  | 'network'
  | 'timeout'
  | 'unavailable'
  | 'rejected'
  | 'session_ended'
  | 'signed_out'
  | 'refused'
  | 'closed'
  | 'passkey_failed'
  | 'invalid_option'
  | 'load_failed'

/** What a session tells its subscribers, as it happens. Never carries a token. */
export type SessionEvent =
  | {
      /** The browser had a session in its storage. */
      readonly type: 'restored'
      /** When, in milliseconds since the epoch. */
      readonly at: number
      /** The subject. `null` when the server does not tell. */
      readonly id: string | null
    }
  | {
      /** The server has made a guest. */
      readonly type: 'acquired'
      /** When, in milliseconds since the epoch. */
      readonly at: number
      /** The subject. `null` when the server does not tell. */
      readonly id: string | null
    }
  | {
      /** The server has refreshed the token. */
      readonly type: 'refreshed'
      /** When, in milliseconds since the epoch. */
      readonly at: number
      /** The subject. `null` when the server does not tell. */
      readonly id: string | null
      /** How often the credential has changed since the sign-out before it: the same number in every tab. */
      readonly generation: number
    }
  | {
      /** Another tab has acquired or refreshed a credential, and this tab has taken it over. */
      readonly type: 'adopted'
      /** When, in milliseconds since the epoch. */
      readonly at: number
      /** The subject. `null` when the server does not tell. */
      readonly id: string | null
      /** How often the credential has changed since the sign-out before it: the same number in every tab. */
      readonly generation: number
    }
  | {
      /** A server has responded to the token with 401. The session refreshes the token. */
      readonly type: 'unauthorized'
      /** When, in milliseconds since the epoch. */
      readonly at: number
      /** The generation of the token that was refused. */
      readonly generation: number
    }
  | {
      /** The last attempt to get a credential failed, and another one follows. */
      readonly type: 'retrying'
      /** When, in milliseconds since the epoch. */
      readonly at: number
      /** Why the attempt failed. */
      readonly code: ErrorCode
      /** The same for people. */
      readonly message: string
      /** In how many milliseconds the next attempt follows. */
      readonly delay: number
    }
  | {
      /** The visitor has another id. */
      readonly type: 'identity'
      /** When, in milliseconds since the epoch. */
      readonly at: number
      /** The id before. */
      readonly oldId: string | null
      /** The id now. `null` when there is none yet. */
      readonly newId: string | null
      /** Why the id has changed, which tells whether anything is lost. */
      readonly reason: IdentityReason
    }
  | {
      /** The browser has forgotten the session. */
      readonly type: 'signed_out'
      /** When, in milliseconds since the epoch. */
      readonly at: number
      /** The subject that was signed out. */
      readonly id: string | null
      /**
       * Where the sign-out was asked for.
       *
       * - `this_tab`: In this tab.
       * - `another_tab`: In another tab of this browser.
       */
      readonly by: 'this_tab' | 'another_tab'
      /**
       * Whether the visitor was signed out or erased.
       *
       * - `signed_out`: The visitor was signed out.
       * - `erased`: The visitor was erased.
       */
      readonly reason: 'signed_out' | 'erased'
    }
  | {
      /** The storage does not serve as it should. */
      readonly type: 'storage'
      /** When, in milliseconds since the epoch. */
      readonly at: number
      /**
       * What is wrong with it.
       *
       * - `memory`: The storage failed or did not respond: the session goes on in memory.
       * - `corrupt`: The content of the storage could not be read, and is treated as nothing.
       */
      readonly state: 'memory' | 'corrupt'
      /** The same for people. */
      readonly message: string
    }

/**
 * Why a visitor has another id.
 *
 * With the first four reasons, the visitor has lost an identity and what belonged to it. With the last two, the guest has
 * become a member and keeps what belongs to the guest.
 *
 * - `invalid_grant`: The server ended the session: it was revoked, it has expired, or its refresh token was reused.
 * - `unauthorized`: The server refused the access token, and there is no refresh token.
 * - `expired`: The access token has expired, and there is no refresh token.
 * - `another_tab`: Another tab of this browser started a new session.
 * - `registered`: The guest has become a member: the same UUID, with the prefix `user_`.
 * - `logged_in`: The guest has been merged into the account of a member.
 */
export type IdentityReason = 'invalid_grant' | 'unauthorized' | 'expired' | 'another_tab' | 'registered' | 'logged_in'

/**
 * Where a session is kept.
 *
 * Where the storage is blocked, full or does not respond, the session goes on in memory, and an event of type `storage`
 * says so. Where there is no browser (in Node), every storage but a `CustomStorage` means `memory`.
 *
 * - `local`: localStorage. All tabs share one session, which outlives a restart of the browser.
 * - `session`: sessionStorage. Each tab has a session of its own, which outlives a reload. A browser copies it when a
 *   tab is duplicated; the copies then use one session without knowing of each other, which a server may take for a
 *   theft.
 * - `indexeddb`: As `local`, in IndexedDB, which workers have, too.
 * - `memory`: Nowhere: a reload starts a fresh guest.
 */
export type StorageKind = 'local' | 'session' | 'indexeddb' | 'memory'

/**
 * What a session does when the server has ended it.
 *
 * - `reacquire`: Start a fresh guest, and report the event `identity`.
 * - `stop`: Report the event `identity`, and refuse every call until the next `start`.
 */
export type OnIdentityLost = 'reacquire' | 'stop'
