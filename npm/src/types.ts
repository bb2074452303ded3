import type { OnIdentityLost, SessionEvent, Snapshot, StorageKind } from './protocol.js'

// These types are generated from the Rust types of the session manager.
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
} from './protocol.js'

/** The credentials of a member: a password, or a passkey, for which the browser asks the visitor. */
export type Credentials =
  | {
      /** The e-mail address that identifies the member. */
      readonly email: string
      /** The password as the visitor typed it. It is sent to the server and not stored. */
      readonly password: string
    }
  | {
      /** Lets the browser ask the visitor for a passkey. */
      readonly passkey: true
      /** The e-mail address of a new member. Optional; used by `register` only. */
      readonly email?: string
    }

/** The member that the visitor has become. */
export interface Membership {
  /** The subject: `user_<uuid>`. */
  readonly id: string
  /** The kind of the subject, as in the snapshot. */
  readonly kind: 'user'
  /** The e-mail address, or `null` when the member has none. */
  readonly email: string | null
  /** `registered` when the guest became a new member, `logged_in` when the member existed before. */
  readonly outcome: 'registered' | 'logged_in'
  /** Whether a guest's data has been merged into the account. */
  readonly merged: boolean
}

/** A live session of the visitor, as the server returns it. Times are in RFC 3339. */
export interface SessionInfo {
  /** For `sessions.end`. */
  readonly id: string
  /** When the session began. */
  readonly created_at: string
  /** By the hour. `null` if the tokens were not refreshed before the current hour and the hour before. */
  readonly last_refreshed_at: string | null
  /** When the session ends unless it is refreshed. */
  readonly expires_at: string
  /**
   * Browser and system, such as `Firefox on Windows` or `curl`, at most 32 characters. It is what the client claimed when the
   * session began: show it, and decide nothing by it. `null` if the client named nothing.
   */
  readonly label: string | null
  /** Whether it is the session of this browser. */
  readonly current: boolean
}

/** The live sessions of the visitor, usually one of each browser. */
export interface Sessions {
  /** Returns the sessions, the newest first, at most 100. */
  list(): Promise<readonly SessionInfo[]>
  /**
   * Ends a session, by its id; the server refuses its tokens from then on. The id of this browser's own session signs out, as
   * `signOut()` does. Rejects with `rejected` if the visitor has no such live session.
   */
  end(id: string): Promise<void>
  /** Ends all sessions of the visitor except that of this browser, also those beyond the list. */
  endOthers(): Promise<void>
}

/** Options of `createSession`. */
export interface SessionOptions {
  /**
   * The URL of the Guestpass server, against which relative URLs are resolved. Absolute, http or https. Default: the
   * page's origin.
   */
  readonly baseUrl?: string
  /** The name of the session. Sessions with different names or `baseUrl`s share nothing. Default `'default'`. */
  readonly name?: string
  /**
   * Further origins to which the token is sent, each with exact scheme, host and port. The token is always sent to the
   * origin of `baseUrl`.
   */
  readonly allowedOrigins?: readonly string[]
  /** Where the session is stored. Default `'local'`. */
  readonly storage?: StorageKind | CustomStorage
  /**
   * What the session does when the server has ended it. Default `'reacquire'`: acquire a new guest and report the event
   * `identity`.
   */
  readonly onIdentityLost?: OnIdentityLost
  /**
   * How long a call waits for a token, in milliseconds. Default 30 000. If the server asks for a longer wait (`Retry-After`), the
   * call rejects at once. Each of the session's own requests (login, refresh, …) has two thirds of it to respond, at least ten
   * seconds, and is then repeated. It does not limit the caller's request itself; to do so, pass
   * `signal: AbortSignal.timeout(…)` to `fetch`.
   */
  readonly timeout?: number
  /**
   * Logs a line for each step of the session, with `console.debug` or with a function. Default false. Attach the lines to
   * bug reports: they contain names, numbers and versions, never a token.
   */
  readonly debug?: boolean | ((line: string) => void)
  /**
   * Sends every request of the session: its own requests, and those of `session.fetch`. A transport such as axios sends its
   * requests itself. Default: the global `fetch`, looked up at each use.
   */
  readonly fetch?: (input: RequestInfo | URL, init?: RequestInit) => Promise<Response>
  /**
   * Further headers of the session's own requests (login, refresh, revocation, account requests), such as a tenant, a trace
   * or an API key. A function is called for each request; if it throws or rejects, the attempt fails like one without a
   * network. The requests of `session.fetch` do not get these headers.
   *
   * `Authorization`, `Content-Type`, `Idempotency-Key` and `Proof-Of-Work` belong to the session: they are refused here, and
   * ignored in the result of a function.
   */
  readonly headers?: HeadersInit | (() => HeadersInit | Promise<HeadersInit>)
  /** The defaults of the requests of `session.fetch`. */
  readonly requests?: RequestOptions
  /**
   * Returns the token of a CAPTCHA: of a widget of Turnstile, hCaptcha, ALTCHA or another service. Called only when the server
   * asks for one before it makes a guest. The signal is aborted when the token is no longer needed: when no call waits any
   * more, another tab has made the guest, or five minutes have passed. If it rejects, the calls that wait reject with code
   * `rejected` and its error as `cause`.
   */
  readonly captcha?: (options: { readonly signal: AbortSignal }) => Promise<string>
  /**
   * The source of the compiled session manager. Default: the file beside the package's JavaScript. A function is called
   * when the code is needed, and again after a failure. All sessions of a page share the code that the first one loads.
   */
  readonly wasm?: WasmSource | Promise<WasmSource> | (() => WasmSource | Promise<WasmSource>)
}

/** How the session treats a request of `session.fetch`. A member that is undefined has its default. */
export interface RequestOptions {
  /** Whether the request gets the token, if its origin is allowed. Default true. */
  readonly token?: boolean | undefined
  /**
   * Whether the request may be sent a second time, after a response says that its token is not accepted. Default true. With
   * false, the session keeps no copy of the body of a `Request`, and the caller gets the first response.
   */
  readonly replay?: boolean | undefined
  /**
   * Whether a response says that the token is not accepted; then the session refreshes the token and sends the request once
   * more. Read the body from `response.clone()`. An exception rejects the call.
   *
   * Default: the status is 401, and `WWW-Authenticate` is missing, or has a challenge `Bearer` without `error` or with
   * `error="invalid_token"` (RFC 6750).
   */
  readonly isUnauthorized?: ((response: Response) => boolean | Promise<boolean>) | undefined
}

/** The init of `session.fetch`. */
export interface GuestpassRequestInit extends RequestInit {
  /** How the session treats this request. Members that are missing have the values of the session's option `requests`. */
  readonly guestpass?: RequestOptions | undefined
}

/** The compiled session manager (`guestpass/sdk.wasm`): its URL, a response with it, its bytes, or the compiled module. */
export type WasmSource = string | URL | Response | BufferSource | WebAssembly.Module

/**
 * A storage that the app provides, for example an encrypted one or a file. It stores one short string per session. The
 * session treats the storage as failed when it throws, rejects, or does not settle within two seconds.
 */
export interface CustomStorage {
  /** Returns the value that was last set under `key`, or null or undefined when there is none. */
  get(key: string): string | null | undefined | Promise<string | null | undefined>
  /** Stores `value`, which contains tokens, under `key`. The session waits for the returned promise before the next call. */
  set(key: string, value: string): unknown
  /** Whether all tabs of the browser share the stored values. Default false: each page has a session of its own. */
  readonly shared?: boolean
}

/** An entry of a collection, as the server returns it. Times are in RFC 3339. */
export interface Entry<T = unknown> {
  /** Chosen by the app, such as an article number or a path. */
  readonly key: string
  /** Any JSON value that the declaration of the collection allows. */
  readonly value: T
  /** When the entry was created. */
  readonly created_at: string
  /** When the value was last written, also if it was equal. */
  readonly updated_at: string
}

/** A page of a collection. */
export interface EntryPage<T = unknown> {
  /** The entry that was changed last is the first one. */
  readonly entries: readonly Entry<T>[]
  /** The option `after` of the next page. `null` on the last page. */
  readonly next: string | null
  /** The entity tag of this page. That of `list()` is for the `ifMatch` of `clear`. */
  readonly etag: string
}

/** The value of an entry, with its entity tag. */
export interface StoredValue<T = unknown> {
  /** The value that the server has stored. */
  readonly value: T
  /** For `ifMatch`: equal values have equal tags. */
  readonly etag: string
}

/** A merge patch (RFC 7396): sets the members that it names. `null` removes a member. */
export type MergePatch<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [Name in keyof T]?: MergePatch<T[Name]> | (object extends Pick<T, Name> ? null : never) }
    : T

/** The numbers to add to members of a value, by the name of the member. */
export type Addition<T> = unknown extends T
  ? Readonly<Record<string, number>>
  : { readonly [Name in keyof T as NonNullable<T[Name]> extends number ? Name : never]?: number }

/** An option of all requests. */
export interface AbortOptions {
  /** Aborts the request. The call rejects with the reason of the signal. */
  readonly signal?: AbortSignal | undefined
}

/** The options of a change that depends on the current value. */
export interface ChangeOptions extends AbortOptions {
  /**
   * Only if the value has this entity tag; `'*'`: only if there is an entry. Otherwise the call rejects with `refused` and
   * the status 412.
   */
  readonly ifMatch?: string | undefined
}

/** A place in a value that the declaration of the collection does not allow. */
export interface InvalidPlace {
  /** The JSON Pointer of the place (RFC 6901), such as `/quantity`. Empty: the whole value. */
  readonly pointer: string
  /** What is wrong with it; for developers. */
  readonly detail: string
}

/** A problem document (RFC 9457): the body of a response with an error. */
export interface Problem {
  /** What is wrong with the request; for developers. */
  readonly detail?: string
  /** The stable reason, such as `collection_full`. */
  readonly code?: string
  /** With the code `invalid_value`: the places of the value that are wrong. */
  readonly errors?: readonly InvalidPlace[]
  /** Further members. */
  readonly [member: string]: unknown
}

/**
 * A collection: a named set of entries (key and JSON value) that the server stores for the visitor, such as a cart. The server
 * declares its limits and how a guest's entries are merged into those of an account.
 *
 * A key has 1 to 512 bytes of UTF-8 and no control characters, and is not `.` or `..`; another one rejects with
 * `invalid_option`. A response with an error rejects with a `GuestpassError` that has the `status` and the `problem`: its code is
 * `unavailable` for 408, 429 and 5xx, and `refused` for others, with a `reason` if the server gives one: `collection_full`,
 * `invalid_value`, `value_too_long`, `unknown_collection`.
 *
 * @typeParam T - the type of the values. It is not checked at run time.
 */
export interface Collection<T = unknown> {
  /** Returns a page of the entries, by default the first 100: the one that was changed last is the first one. */
  list(
    options?: AbortOptions & {
      /** The greatest number of entries, from 1 to 100. */
      readonly limit?: number | undefined
      /** The `next` of the previous page. `null`: the first page. */
      readonly after?: string | null | undefined
    },
  ): Promise<EntryPage<T>>
  /** Returns the value of an entry, or undefined when there is none. */
  get(key: string, options?: AbortOptions): Promise<StoredValue<T> | undefined>
  /** Sets the value of an entry, which becomes the newest one. With `ifNoneMatch: '*'`, only if there is no entry. */
  put(
    key: string,
    value: T,
    options?: ChangeOptions & { readonly ifNoneMatch?: '*' | undefined },
  ): Promise<StoredValue<T>>
  /** Changes members of a value. An entry that does not exist is created from the patch. */
  patch(key: string, patch: MergePatch<T>, options?: ChangeOptions): Promise<StoredValue<T>>
  /**
   * Adds numbers to members of a value. An entry and members that do not exist are created; a sum is cut to the bounds of the
   * member.
   *
   * After a network error, 408, 429 or 5xx, the request is repeated up to three times, within some seconds or as
   * `Retry-After` asks, if that is at most 30 seconds. The server adds once, because each repetition has the same key.
   */
  add(
    key: string,
    add: Addition<T>,
    options?: AbortOptions & {
      /**
       * 22 to 128 characters of base64url. Calls with the same key add once in 24 hours. Default: a new key for each call; pass
       * one if other code repeats the call.
       */
      readonly idempotencyKey?: string | undefined
    },
  ): Promise<StoredValue<T>>
  /** Removes an entry. Resolves also when there is none. */
  remove(key: string, options?: ChangeOptions): Promise<void>
  /** Removes all entries. `ifMatch` is the `etag` of `list()` without options. */
  clear(options?: ChangeOptions): Promise<void>
}

/** Options of `Session.token`. */
export interface TokenOptions {
  /** Stops waiting. A refresh that other calls wait for continues. */
  readonly signal?: AbortSignal
  /** How long to wait, in milliseconds. Default: the session's `timeout`. */
  readonly timeout?: number
}

/** The session of a visitor. Create one for the whole page. */
export interface Session {
  /**
   * Sends a request, with the signature of `fetch`. It attaches the access token when the origin is allowed. After a
   * 401 about the token it refreshes the token and sends the request once more; `init.guestpass` changes this.
   *
   * Relative URLs are resolved against `baseUrl` as if it ended in a slash: with `https://shop.example/api`, `'items'` is
   * `/api/items` and `'/items'` is `/items`. The URL of a `Request` is already absolute.
   *
   * A stream as `init.body` can be sent only once. The session checks before that the token is fresh, and returns a 401 to
   * the caller.
   *
   * Browsers remove the token when a redirect leads to another origin. Chrome before 119, Firefox before 111 and Safari
   * before 16.1 do not, and a page can neither detect nor prevent it. If you support those versions and your server
   * redirects to foreign origins, pass `redirect: 'error'`.
   */
  fetch(input: RequestInfo | URL, init?: GuestpassRequestInit): Promise<Response>
  /**
   * The collection of the visitor with this name, which the server declares. It sends no request before it is used.
   *
   * @example
   * ```ts
   * const cart = session.collection<{ quantity: number }>('cart')
   * const { value } = await cart.add('mug', { quantity: 2 })
   * console.log(value.quantity) // 2
   * ```
   *
   * @throws GuestpassError with code `invalid_option` if no collection can have this name.
   */
  collection<T = unknown>(name: string): Collection<T>
  /** Returns a valid access token. Acquires a guest when there is none, and refreshes an expired token. */
  token(options?: TokenOptions): Promise<string>
  /**
   * Loads the stored session, without a request to the server. After `ended`, and after `signOut({ next: 'none' })`, it
   * allows a new guest.
   */
  start(): Promise<void>
  /** The current state of the session. The same object until something changes. */
  getSnapshot(): Snapshot
  /** Calls `listener` after each change of the snapshot. Returns a function that unsubscribes. */
  subscribe(listener: () => void): () => void
  /** Calls `listener` with each event. Returns a function that unsubscribes. */
  onEvent(listener: (event: SessionEvent) => void): () => void
  /**
   * Removes the session from every tab and revokes it at the server. Resolves when this browser has removed it. The next
   * request acquires a new guest; with `next: 'none'`, only after a call of `start`, `register`, `login` or `link`.
   */
  signOut(options?: { readonly next?: 'guest' | 'none' }): Promise<void>
  /**
   * Makes the guest a member. The member keeps the UUID and all data of the guest. A refusal rejects with `refused` and a
   * reason (`email_taken`, `password_too_short`, …) and leaves the guest unchanged. All other sessions of the guest end. The
   * request is repeated until the server responds, or until the `timeout` of the session.
   */
  register(credentials: Credentials): Promise<Membership>
  /**
   * Merges the guest into the account of a member. A refusal rejects with `refused` and a reason (`invalid_credentials`, …)
   * and leaves the guest unchanged. When there is no guest, the session acquires one first.
   */
  login(credentials: Credentials): Promise<Membership>
  /**
   * Logs in or registers with an ID token of an OpenID Connect issuer. `nonce` is the nonce whose
   * SHA-256 the authentication request had, or that it had itself; a token with a nonce is refused without it.
   */
  link(credentials: { readonly idToken: string; readonly nonce?: string }): Promise<Membership>
  /** Asks the server to erase the visitor and all data of the visitor, then signs out as `signOut` does. */
  erase(): Promise<void>
  /**
   * Returns all data of the visitor: the JSON of `GET /me/export`. The server does not give it for an access token, which
   * `fetch` attaches.
   */
  export(): Promise<Record<string, unknown>>
  /** Lists and ends the sessions of the visitor: the devices on which a member is signed in. */
  readonly sessions: Sessions
  /** Treats the access token as expired, so that the next use refreshes it. For developer tools and demos. */
  expire(): void
  /** Releases all timers, listeners and locks. Waiting calls reject with `closed`. Idempotent. The stored session stays. */
  close(): void
}
