import type { Membership, SessionEvent, SessionOptions, Snapshot, TokenOptions } from './types.js'

/** Loads the compiled code and hands out what runs one session. Rejects with a `GuestpassError` of code `load_failed`. */
export type LoadManager = (wasm?: SessionOptions['wasm']) => Promise<MakeManager>

export type MakeManager = (options: ManagerOptions, notify: Notify) => Manager

/** Runs one session: the compiled machine, which takes every decision, and the shell, which acts on them. */
export interface Manager {
  /** @param anew - after a sign-out that nobody was to follow, allow a guest again. */
  start(anew: boolean): Promise<void>
  /** Rejects with what `fetch` itself would reject with when the caller's own request failed or was aborted. */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>
  token(signal: TokenOptions['signal'], timeout: TokenOptions['timeout']): Promise<string>
  /** @param forGood - nobody follows until `start` or `upgrade`. */
  signOut(forGood: boolean): Promise<void>
  /** @param body - what the endpoint is sent, as JSON. */
  upgrade(kind: Upgrade, body: object): Promise<Membership>
  erase(): Promise<void>
  expire(): void
  close(): void
}

/** The ways to become a member, by the names of their endpoints. */
export type Upgrade = 'register' | 'login' | 'link'

/** Options, checked and complete: `baseUrl` has no slash at its end, and `allowedOrigins` holds its origin. */
export type ManagerOptions = Required<Omit<SessionOptions, 'debug' | 'wasm'>> & {
  readonly debug: ((line: string) => void) | undefined
  readonly wasm: SessionOptions['wasm']
}

/** Called after each step, with at most one event: the same snapshot again when only an event is to be told. */
export type Notify = (snapshot: Snapshot, event?: SessionEvent) => void
