import type { OnIdentityLost, SessionEvent, Snapshot, StorageKind } from './border.js'

// What the session manager tells and is told, generated from its Rust types.
export type {
  ErrorCode,
  IdentityReason,
  Kind,
  OnIdentityLost,
  SessionEvent,
  Snapshot,
  SnapshotError,
  Status,
  StorageKind,
} from './border.js'

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
  readonly onIdentityLost?: OnIdentityLost
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
