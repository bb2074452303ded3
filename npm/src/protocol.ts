// Generated from the Rust types, by: GUESTPASS_UPDATE=1 cargo test -p guestpass-session --features schema --test protocol

/**
 * The state of a session at one moment.
 *
 * In JavaScript it is the same object until something changes, so `===` tells whether something has changed.
 */
export interface Snapshot {
  /** The status of the session. */
  readonly status: Status
  /** The subject: `anonymous_<uuid>` or `user_<uuid>`. `null` when there is none, or the server does not send it. */
  readonly id: string | null
  /** The kind of the subject. `null` when there is none, or the server does not send it. */
  readonly kind: Kind | null
  /**
   * When the access token expires, in milliseconds since the Unix epoch, by the clock of this device. `null` when unknown.
   */
  readonly expiresAt: number | null
  /** Why the last attempt to get a credential failed, if it failed. */
  readonly error?: SnapshotError
}

/**
 * The status of a session.
 *
 * - `idle`: Nothing is known yet, and nothing is under way. The first `fetch`, `token` or `start` changes that.
 * - `loading`: The session reads what the browser has stored.
 * - `acquiring`: The session asks the server for a guest.
 * - `active`: There is a usable token. It may be refreshed ahead of its end, or need a refresh at its next use.
 * - `refreshing`: The token has expired or was refused, and a refresh is under way.
 * - `unavailable`: The last attempt failed, and there is no usable token. The session is kept; the error of the
 *   snapshot says why the attempt failed, and when the session tries again by itself.
 * - `signed_out`: Signed out or erased, in this tab or in another one. The next request acquires a new guest. After a
 *   permanent sign-out (`next: 'none'`), it does so only after a call of `start`, `register`, `login` or `link`.
 * - `ended`: The server ended the session, and the option `onIdentityLost` is `stop`. `start` allows a new guest.
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
 * The kind of a visitor.
 *
 * - `guest`: A visitor without an account.
 * - `user`: A member: a visitor with an account.
 */
export type Kind = 'guest' | 'user'

/** Why the last attempt of a session to get a credential failed. */
export interface SnapshotError {
  /** The stable code of the error. */
  readonly code: ErrorCode
  /** The error in English, for developers. Never contains a token. */
  readonly message: string
  /**
   * When the session tries again by itself, in milliseconds since the Unix epoch. `null` during an attempt, and after an
   * error that does not pass by itself (`rejected`; in JavaScript also `load_failed` and `invalid_option`): then the next
   * call tries again. For a short time after `rejected` (at most two seconds, or the `Retry-After` of the response), calls
   * fail at once with the same error.
   */
  readonly retryAt: number | null
}

/**
 * The stable code of an error of a session: the member `code` of a `GuestpassError`.
 *
 * A call whose own `signal` is aborted rejects with the reason of that signal, and a request that does not reach its server
 * rejects with the `TypeError` of `fetch`: neither is an error of Guestpass.
 *
 * - `network`: The session server could not be reached, or its response ended early.
 * - `timeout`: There was no credential within the `timeout` of the session or of the call of `token`.
 * - `unavailable`: The server responded with 408, 429 or 5xx, or its response is not a token response; or the storage
 *   of the browser fails, and without it the session of all tabs cannot be renewed.
 * - `rejected`: The server refused to make or refresh a session, or to open a stream, for a reason that does not pass
 *   by itself: a wrong base URL, for example.
 * - `session_ended`: The server ended the session, and the option `onIdentityLost` is `stop`.
 * - `signed_out`: The session was signed out during the call, or permanently (`next: 'none'`) before the call.
 * - `refused`: The server refused to register, log in, link or erase the visitor, or refused a request of a collection.
 *   The members `status` and `reason` of the error tell why; nothing has changed.
 * - `closed`: The session is closed.
 * - `passkey_failed`: The browser made or found no passkey: the visitor declined, or has none. The `cause` of the error
 *   is the error of the browser.
 * - `invalid_option`: An option of `createSession`, `token`, `signOut` or `openWebSocket`, or a name or key of a
 *   collection, is invalid; the message names it.
 * - `load_failed`: The compiled session manager, or a part of the package that is loaded on demand, could not be
 *   loaded; the message tells what to do. If there is no network to load the session manager, the code is `network`.
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

/** A change that a session reports to its subscribers. Never contains a token. */
export type SessionEvent =
  | {
      /** The session was read from the storage of the browser. */
      readonly type: 'restored'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /** The subject. `null` when the server does not send it. */
      readonly id: string | null
    }
  | {
      /** The server has made a guest. */
      readonly type: 'acquired'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /** The subject. `null` when the server does not send it. */
      readonly id: string | null
    }
  | {
      /** The server has refreshed the token. */
      readonly type: 'refreshed'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /** The subject. `null` when the server does not send it. */
      readonly id: string | null
      /** The number of changes of the credential since the last sign-out. The same number in every tab. */
      readonly generation: number
    }
  | {
      /** Another tab has acquired or refreshed a credential, and this tab has adopted it. */
      readonly type: 'adopted'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /** The subject. `null` when the server does not send it. */
      readonly id: string | null
      /** The number of changes of the credential since the last sign-out. The same number in every tab. */
      readonly generation: number
    }
  | {
      /**
       * A server has responded to the token with 401. The session refreshes the token. Reported once for each token.
       */
      readonly type: 'unauthorized'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /** The generation of the token that was refused. */
      readonly generation: number
    }
  | {
      /** The last attempt to get a credential failed, and another one follows. */
      readonly type: 'retrying'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /** The stable code of the error. */
      readonly code: ErrorCode
      /** The error in English, for developers. */
      readonly message: string
      /** The time until the next attempt, in milliseconds. */
      readonly delay: number
    }
  | {
      /** The visitor has another id. */
      readonly type: 'identity'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /** The previous id. */
      readonly oldId: string | null
      /** The new id. `null` when there is none yet. */
      readonly newId: string | null
      /** Why the id has changed. The reason tells whether data is lost. */
      readonly reason: IdentityReason
    }
  | {
      /** The session has ended, and the browser has deleted its credential. */
      readonly type: 'signed_out'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /** The subject that was signed out. */
      readonly id: string | null
      /**
       * The tab that asked for the sign-out.
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
      /** The storage failed, or its content could not be read. */
      readonly type: 'storage'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /**
       * The fault of the storage.
       *
       * - `memory`: The storage failed or did not respond: the session goes on in memory until the storage works again.
       * - `corrupt`: The content of the storage could not be read, and is treated as nothing.
       */
      readonly state: 'memory' | 'corrupt'
      /** The fault in English, for developers. */
      readonly message: string
    }
  | {
      /**
       * The session computes the proof of work that the server demands before it makes a guest. Emitted at the beginning,
       * up to four times a second, and at the end.
       */
      readonly type: 'proof'
      /** The time of the event, in milliseconds since the Unix epoch. */
      readonly at: number
      /**
       * How far it is.
       *
       * - `solving`: It is computed.
       * - `solved`: It is sent to the server.
       * - `failed`: It is not needed any more, or this environment cannot compute it.
       */
      readonly state: 'solving' | 'solved' | 'failed'
      /** The number of attempts so far. */
      readonly attempts: number
      /** The number of attempts that a proof needs on average. It may need several times as many. */
      readonly expected: number
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
 * Where a session is stored.
 *
 * Where the storage is blocked, full, missing or does not respond, the session is kept in memory until it works, and an event of
 * type `storage` reports it. Where there is no browser (in Node), every storage but a `CustomStorage` means `memory`.
 *
 * - `local`: localStorage. All tabs share one session, which survives a restart of the browser.
 * - `session`: sessionStorage. Each tab has its own session, which survives a reload. A browser copies it when a tab is
 *   duplicated; both tabs then use the same session independently of each other, which a server may treat as the theft
 *   of a token.
 * - `indexeddb`: IndexedDB. Like `local`, and also available in workers.
 * - `memory`: Memory. After a reload, the session acquires a new guest.
 */
export type StorageKind = 'local' | 'session' | 'indexeddb' | 'memory'

/**
 * What a session does when the server has ended it.
 *
 * - `reacquire`: Acquire a new guest, and report the event `identity`.
 * - `stop`: Report the event `identity`, and refuse every call until the next `start`.
 */
export type OnIdentityLost = 'reacquire' | 'stop'
