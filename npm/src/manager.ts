import type { ErrorCode, SessionEvent, SessionOptions, Snapshot, TokenOptions } from './types.js'

/** Loads the compiled code and hands out what runs one session. Rejects with a `GuestpassError` of code `load_failed`. */
export type LoadManager = (wasm?: SessionOptions['wasm']) => Promise<MakeManager>

export type MakeManager = (options: ManagerOptions, host: Host) => Manager

/** Runs one session: the compiled machine, which takes every decision, and the shell, which acts on them. */
export interface Manager {
  start(): Promise<void>
  /** Rejects with what `fetch` itself would reject with when the caller's own request failed or was aborted. */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>
  token(signal: TokenOptions['signal'], timeout: TokenOptions['timeout']): Promise<string>
  signOut(): Promise<void>
  expire(): void
  close(): void
}

/** Options, checked and complete: `baseUrl` has no slash at its end, and `allowedOrigins` holds its origin. */
export type ManagerOptions = Required<Omit<SessionOptions, 'debug' | 'wasm'>> & {
  readonly debug: ((line: string) => void) | undefined
  readonly wasm: SessionOptions['wasm']
}

/** What the session manager asks of the code around it. */
export interface Host {
  /** Called after each step, with at most one event: the same snapshot again when only an event is to be told. */
  notify(snapshot: Snapshot, event?: SessionEvent): void
  error(code: ErrorCode, message: string, cause?: unknown): Error
}
