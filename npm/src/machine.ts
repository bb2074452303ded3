import type { Answer } from './shell/answer.js'
import type { Row } from './shell/row.js'
import type { SessionOptions } from './types.js'

/** The compiled session machine: `WasmSession` in `pkg`. It takes every decision; the code in `shell/` acts on them. */
interface Machine {
  /** A call, the end of an effect, or news. `number` names the waiter of a call and the op of an effect. */
  input(name: CallName | EndName | NewsName, number: number): void
  /** A call wants a token by `deadline`; `fresh`: what it is for cannot be sent again. */
  tokenWanted(waiter: number, deadline: number, fresh: boolean): void
  /** The visitor wants to become a member, or to be erased, by `deadline`. `body` is JSON; empty to erase. */
  errand(waiter: number, deadline: number, kind: ErrandName, body: string): void
  /** What was sent with the token of this version, at this attempt, was answered with 401. */
  unauthorized(
    waiter: number,
    deadline: number,
    epoch: number,
    generation: number,
    attempt: number,
    replayable: boolean,
  ): void
  /** `load` is done. Without an epoch: there was nothing, or something that is `corrupt`. */
  loaded(op: number, corrupt: boolean, ...record: Partial<Fields>): void
  /** `make-key` is done. */
  keyMade(op: number, key: string): void
  /** `send` was answered. Without an access token, an error and a member: by something else than these endpoints. */
  answered(op: number, ...answer: Answer): void
  /** Another tab has committed this version; without a generation, it has signed out, and this epoch begins. */
  heard(epoch: number, generation: number | undefined, parting: number | undefined): void
}

/** As `new WasmSession(…)`. `stored`: there is a storage; `shared`: all tabs see it. */
export type MachineClass = new (
  effects: Effects,
  stored: boolean,
  shared: boolean,
  stop: boolean,
  seed: number,
) => Machine

/**
 * Loads the compiled code, from the given place or from beside the package, and hands out its class. Rejects with a
 * `GuestpassError` of code `load_failed`.
 */
export type Load = (wasm?: SessionOptions['wasm']) => Promise<MachineClass>

export type CallName = 'start' | 'start-anew' | 'sign-out' | 'sign-out-for-good' | 'abandon'
export type ErrandName = 'register' | 'login' | 'link' | 'erase'
export type EndName = 'saved' | 'storage-failed' | 'lock-granted' | 'lock-unavailable' | 'send-failed'
export type NewsName = 'expire' | 'close' | 'online' | 'offline' | 'visible' | 'tick'

/** A stored record, field by field. */
export type Fields = [
  epoch: number,
  generation: number,
  /** How the epoch before has ended. */
  parting: number,
  claim: string | undefined,
  accessToken: string | undefined,
  refreshToken: string | undefined,
  id: string | undefined,
  lifetime: number | undefined,
  expiresAt: number | undefined,
]

/** What the machine asks for, and is answered by an input with the same op. None of these may throw. */
export interface Effects {
  /** Those that carry nothing but their op. */
  effect(name: 'load' | 'take-lock' | 'release-lock' | 'make-key' | 'cancel' | 'shutdown', op: number): void
  store(op: number, ...record: Fields): void
  /** A `POST` below `baseUrl`, or to erase, a `DELETE`. */
  send(op: number, kind: string, path: string, headers: Headers, body: string): void
  /** As `heard` has it. */
  publish(epoch: number, generation: number | undefined, parting: number): void
  /** A waiter gets a token. */
  grant(waiter: number, ...grant: Grant): void
  /** A waiter gets something else: `done`, `deliver`, `member` with what the server answered, or the code of an error. */
  settle(waiter: number, outcome: string, message: string): void
  /** The server says no to a waiter. */
  refuse(waiter: number, status: number, reason: string): void
  /** An input and what followed from it is done; the snapshot, where it has changed. */
  step(snapshot: Row | undefined): void
  /** What subscribers are to be told: an event and when it was, or that the snapshot has changed. */
  tell(event: Row | undefined, at: number): void
  /**
   * The monotonic time at which to send `tick`; not a number when nothing is pending. Whoever asks for a token before
   * `mono` and `wall` (on their clocks) would be granted what was granted last, if nothing else happens.
   */
  arm(at: number, mono: number, wall: number): void
}

/** A token, its version, and how often the request has been sent before. */
export type Grant = [accessToken: string, epoch: number, generation: number, attempt: number]
