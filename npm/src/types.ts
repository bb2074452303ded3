/** What kind of visitor the session stands for. */
export type Kind = 'guest' | 'user'

/**
 * Where the session stands.
 *
 * - `idle`: nothing known yet, and nothing under way. The first `fetch`, `token` or `start` changes that.
 * - `loading`: reading what the browser has stored.
 * - `acquiring`: asking the server for a guest.
 * - `active`: there is a credential; it may need a refresh, which happens by itself.
 * - `refreshing`: as `active`, with a refresh under way.
 * - `unavailable`: the last attempt failed, and there is no usable token. The session is kept; `error` says why, and
 *   `error.retryAt` when the session tries again by itself.
 * - `signed_out`: signed out or erased, here or in another tab. The next request starts a fresh guest; after
 *   `signOut({ next: 'none' })`, only `start()`, `register`, `login` and `link` do.
 * - `ended`: the server ended the session and `onIdentityLost` is `'stop'`. `start()` begins a fresh guest.
 * - `closed`: `close()` was called. For good.
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

/** What a session looks like at one moment. The same object until something changes, so `===` tells. */
export interface Snapshot {
  /** Where the session stands. */
  readonly status: Status
  /** The subject: `anonymous_<uuid>` or `user_<uuid>`. Null when there is none, or the server does not tell. */
  readonly id: string | null
  /** What the subject is; null when there is none, or the server does not tell. */
  readonly kind: Kind | null
  /** When the access token expires, in milliseconds since the epoch (this machine's clock). Null when nobody said. */
  readonly expiresAt: number | null
  /** Why the last attempt failed; absent when it did not. */
  readonly error?: SnapshotError
}

/** Why the last attempt of a session to get a credential failed. */
export interface SnapshotError {
  /** What went wrong, as by the errors of the session. */
  readonly code: ErrorCode
  /** The same for people. Never holds a token. */
  readonly message: string
  /**
   * When the session tries again by itself, in milliseconds since the epoch. Null while it is trying, and where waiting
   * mends nothing (`rejected`, `load_failed`, `invalid_option`): then the next call tries again; after `rejected`, calls
   * of the next moments (at most two seconds, or the `Retry-After`) fail with the same at once.
   */
  readonly retryAt: number | null
}

/**
 * Stable codes of `GuestpassError`.
 *
 * A call that its own `signal` aborts is rejected with the signal's reason, and a request that does not reach its server
 * with the `TypeError` of `fetch`: those are no errors of Guestpass.
 *
 * - `network`: the server could not be reached, or its answer was cut short.
 * - `timeout`: no credential by the deadline, which is the session's `timeout` or that of `token`.
 * - `unavailable`: the server answered 408, 429 or 5xx, or something that is not a token answer.
 * - `rejected`: the server refused to make or refresh a session, or to open a stream, for a reason that waiting does not
 *   mend (a wrong `baseUrl`, for example).
 * - `session_ended`: the server ended the session, and `onIdentityLost` is `'stop'`.
 * - `signed_out`: the session was signed out while the call waited, or before, by `signOut({ next: 'none' })`.
 * - `refused`: the server said no to becoming a member. `status` and `reason` of the error say why, and the session is as
 *   it was.
 * - `passkey_failed`: the browser made or found no passkey: the visitor said no, or there is none. `cause` is what the
 *   browser said.
 * - `closed`: the session is closed.
 * - `invalid_option`: an option of `createSession`, `token`, `signOut` or `openWebSocket` is wrong; the message names it.
 * - `load_failed`: the compiled session manager could not be loaded; the message says what to do.
 */
export type ErrorCode =
  | 'network'
  | 'timeout'
  | 'unavailable'
  | 'rejected'
  | 'session_ended'
  | 'signed_out'
  | 'refused'
  | 'passkey_failed'
  | 'closed'
  | 'invalid_option'
  | 'load_failed'

/** What a session tells its listeners, as it happens. Never carries a token. */
export type SessionEvent = {
  /** When, in milliseconds since the epoch. */
  readonly at: number
} & (
  | {
      /** The browser had a session in its storage. */
      readonly type: 'restored'
      /** Whose. Null when the server does not tell. */
      readonly id: string | null
    }
  | {
      /** The server has made a guest. */
      readonly type: 'acquired'
      /** Whom. Null when the server does not tell. */
      readonly id: string | null
    }
  | {
      /** The server has renewed the token. */
      readonly type: 'refreshed'
      /** Whose. Null when the server does not tell. */
      readonly id: string | null
      /** How often the credential has changed since the sign-out before it: the same number in every tab. */
      readonly generation: number
    }
  | {
      /** Another tab has acquired or renewed, and this one has taken that over. */
      readonly type: 'adopted'
      /** Whose. Null when the server does not tell. */
      readonly id: string | null
      /** As that of `refreshed`. */
      readonly generation: number
    }
  | {
      /** A server has answered 401 to the token. It is renewed. */
      readonly type: 'unauthorized'
      /** Of the token that was refused. */
      readonly generation: number
    }
  | {
      /** The last attempt to get a credential failed, and there will be another. */
      readonly type: 'retrying'
      /** Why it failed. */
      readonly code: ErrorCode
      /** The same for people. */
      readonly message: string
      /** In how many milliseconds the next one follows. */
      readonly delay: number
    }
  | {
      /** The visitor has another id. */
      readonly type: 'identity'
      /** Who it was. */
      readonly oldId: string | null
      /** Who it is now. Null when nobody is there yet. */
      readonly newId: string | null
      /** Why, and so whether anything is lost. */
      readonly reason: IdentityReason
    }
  | {
      /** The browser has forgotten the session. */
      readonly type: 'signed_out'
      /** Whose it was. */
      readonly id: string | null
      /** Where `signOut` or `erase` was called. */
      readonly by: 'this_tab' | 'another_tab'
      /** Which of the two it was. */
      readonly reason: 'signed_out' | 'erased'
    }
  | {
      /** The storage does not serve as it should. */
      readonly type: 'storage'
      /** `memory`: it fails, and the session goes on without it. `corrupt`: what it held could not be read. */
      readonly state: 'memory' | 'corrupt'
      /** What happened, for people. */
      readonly message: string
    }
)

/**
 * Why the visitor has another id. The first four have lost an identity and what belonged to it; the last two have raised
 * one, with everything that belongs to it.
 *
 * - `invalid_grant`: the server ended the session (revoked, expired, or its refresh token was reused).
 * - `unauthorized`: the server refused the token, and it has no way to refresh one.
 * - `expired`: the token ran out, and it has no way to refresh one.
 * - `another_tab`: another tab of this browser started a new session.
 * - `registered`: the guest has become a member: the same UUID, behind `user_`.
 * - `logged_in`: the guest has been merged into the account of a member.
 */
export type IdentityReason = 'invalid_grant' | 'unauthorized' | 'expired' | 'another_tab' | 'registered' | 'logged_in'

/**
 * How a visitor proves to be a member: by a password, or by a passkey, for which the browser asks. The `email` of a
 * passkey is for `register`, and may be left out.
 */
export type Credentials =
  | {
      /** What the member is known by. */
      readonly email: string
      /** As it was typed. Goes to the server, and is kept nowhere. */
      readonly password: string
    }
  | {
      /** Has the browser ask for a passkey. */
      readonly passkey: true
      /** Of `register` alone: what the member is known by, too. */
      readonly email?: string
    }

/** Who the visitor is, now that they are a member. */
export interface Membership {
  /** `user_<uuid>`. */
  readonly id: string
  /** As in the snapshot from now on. */
  readonly kind: 'user'
  /** Null when the member has none. */
  readonly email: string | null
  /** Whether the guest has become the member, or has come to one who was there before. */
  readonly outcome: 'registered' | 'logged_in'
  /** Whether a guest's data has been merged into the account. */
  readonly merged: boolean
}

/** Options of `createSession`. */
export interface SessionOptions {
  /**
   * Where the Guestpass endpoints are, and what relative URLs are relative to. Absolute, http or https. Default: the
   * page's own origin.
   */
  readonly baseUrl?: string
  /** Sessions of different names do not see each other; nor do those of different `baseUrl`s. Default `'default'`. */
  readonly name?: string
  /** Further origins whose requests carry the token, each exact: scheme, host and port. That of `baseUrl` always does. */
  readonly allowedOrigins?: readonly string[]
  /** Where the session is kept. Default `'local'`. */
  readonly storage?: StorageKind | CustomStorage
  /** What to do when the server ended the session. Default `'reacquire'`: start a fresh guest and say so. */
  readonly onIdentityLost?: 'reacquire' | 'stop'
  /**
   * How long a call waits for a token, in milliseconds. Default 30 000. A request that is under way is not ended by it:
   * for that, pass `signal: AbortSignal.timeout(…)` to `fetch`.
   */
  readonly timeout?: number
  /**
   * Writes a line for each step of the session, by `console.debug` or to a function. Default false. For reports of
   * mistakes: the lines hold names, numbers and versions, never a token.
   */
  readonly debug?: boolean | ((line: string) => void)
  /**
   * Where the compiled session manager comes from, if not from beside the package's JavaScript: its URL, the answer to a
   * request for it, its bytes, or the compiled module. A function is called when it is needed, and again after a
   * failure. All sessions of a page share one: that of the session that is used first.
   */
  readonly wasm?: WasmSource | Promise<WasmSource> | (() => WasmSource | Promise<WasmSource>)
}

/** The compiled session manager, `guestpass/sdk.wasm`, in one of the forms in which it can be had. */
export type WasmSource = string | URL | Response | BufferSource | WebAssembly.Module

/**
 * Where a session is kept.
 *
 * - `local`: localStorage. All tabs share one session, which outlives the browser's restart.
 * - `session`: sessionStorage. Each tab has a session of its own, which outlives a reload. A browser copies it when a tab
 *   is duplicated; the copies then use one session without knowing of each other, which a server may take for a theft.
 * - `indexeddb`: as `local`, in IndexedDB, which workers have too.
 * - `memory`: nowhere; a reload starts a fresh guest.
 *
 * Where the storage is blocked, full or does not answer, the session goes on in memory, and an event of type `storage`
 * says so. Where there is no browser (in Node), what is not `CustomStorage` means `memory`.
 */
export type StorageKind = 'local' | 'session' | 'indexeddb' | 'memory'

/**
 * A storage of your own: an encrypted one, that of a native shell, a file. It holds one short text for each session.
 * What it throws or rejects with, and what it does not settle within two seconds, counts as a failed storage.
 */
export interface CustomStorage {
  /** What was last set under `key`; null or undefined when nothing was. */
  get(key: string): string | null | undefined | Promise<string | null | undefined>
  /** Keeps `value`, which holds tokens, under `key`. The next call comes only after this one has settled. */
  set(key: string, value: string): unknown
  /** Whether all tabs of the browser see the same texts. Default false: the session is this page's alone. */
  readonly shared?: boolean
}

/** Options of `Session.token`. */
export interface TokenOptions {
  /** Gives up waiting; the refresh that others wait for goes on. */
  readonly signal?: AbortSignal
  /** How long to wait, in milliseconds. Default: the session's `timeout`. */
  readonly timeout?: number
}

/** A visitor's session: one for the whole page. */
export interface Session {
  /**
   * A drop-in for `fetch`: attaches the token where the origin is allowed, and on a 401 renews it and replays once.
   *
   * A relative URL is resolved against `baseUrl` by the rules for URLs, as if `baseUrl` ended in a slash: with
   * `https://shop.example/api`, `'items'` is `/api/items` and `'/items'` is `/items`. A `Request` has its URL already.
   *
   * A stream as `init.body` can be sent only once: the token is made sure to be fresh first, and a 401 is yours.
   *
   * The token goes to allowed origins, and no redirect takes it elsewhere: browsers remove it on the way to another
   * origin. Older ones did not (Chrome before 119, Firefox before 111, Safari before 16.1), and no page can tell or
   * prevent that; if you support them and your server redirects to origins of others, pass `redirect: 'error'`.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>
  /** An access token that can be used now. */
  token(options?: TokenOptions): Promise<string>
  /**
   * Reads what the browser has stored, without a request to the server. Where that is known already: after `ended`, and
   * after `signOut({ next: 'none' })`, allows a fresh guest.
   */
  start(): Promise<void>
  /** What the session looks like now. The same object until something changes. */
  getSnapshot(): Snapshot
  /** Calls `listener` after each change of the snapshot; returns the way to stop. */
  subscribe(listener: () => void): () => void
  /** Calls `listener` with each event; returns the way to stop. */
  onEvent(listener: (event: SessionEvent) => void): () => void
  /**
   * Forgets the session in every tab and revokes it at the server. Resolves once this browser has forgotten it. With
   * `next: 'none'` nobody becomes a guest again in this browser, until `start()` or becoming a member asks for it.
   */
  signOut(options?: { readonly next?: 'guest' | 'none' }): Promise<void>
  /**
   * Makes a member of the guest, who keeps the UUID and everything that belongs to it. Rejects with `refused`
   * (`email_taken`, `password_too_short`, …), and the guest is as before. May be called again when the answer was lost.
   */
  register(credentials: Credentials): Promise<Membership>
  /**
   * Merges the guest into the account of a member. Rejects with `refused` (`invalid_credentials`, …), and the guest is
   * as before. Where there is no guest, one is made first.
   */
  login(credentials: Credentials): Promise<Membership>
  /**
   * As `login` or `register`, by the ID token that a third party (OpenID Connect) has given to the app. `nonce` is that of
   * the authentication request, if there was one: a token that has one is refused without it.
   */
  link(credentials: { readonly idToken: string; readonly nonce?: string }): Promise<Membership>
  /** Has the server erase the visitor with everything that belongs to them; then as `signOut`. */
  erase(): Promise<void>
  /** Treats the access token as expired; the next use refreshes it. For developer tools and demos. */
  expire(): void
  /** Frees every timer, listener and lock; what waits is rejected with `closed`. Idempotent. The stored session stays. */
  close(): void
}
