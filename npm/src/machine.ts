import type { SessionOptions } from './types.js'

/**
 * The compiled session machine: `WasmSession` in `pkg`. It takes every decision; the code in `shell/` acts on them.
 *
 * All that crosses are numbers: of a text, that of `shell/texts.ts`; of a name, its place in a list of `shell/names.ts`; of
 * what is missing, zero for a text, and no number for a number.
 */
interface Machine {
  /** A call, the end of an effect, or news. `number` names the waiter of a call and the op of an effect. */
  input(name: number, number: number): void
  /** A call wants a token by `deadline`; `fresh`: what it is for cannot be sent again. */
  tokenWanted(waiter: number, deadline: number, fresh: boolean): void
  /** The visitor wants to become a member, or without a `body`, which is JSON, to be erased; by `deadline`. */
  errand(waiter: number, deadline: number, request: number, body: number): void
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
  loaded(op: number, corrupt: boolean, ...record: Partial<StoredFields>): void
  /** `make-key` is done. */
  keyMade(op: number, key: number): void
  /** `send` was answered. `text`: an access token, or what an upgrade was answered with, or the code of an error. */
  answered(
    op: number,
    status: number,
    retryAfter: number | undefined,
    isToken: boolean,
    text: number,
    subject: number,
    refreshToken: number,
    expiresIn: number | undefined,
  ): void
  /** Another tab has committed this version; without a generation, it has signed out, and this epoch begins. */
  heard(epoch: number, generation: number | undefined, parting: number | undefined): void
  /** Whether an effect or event to come may name this text. */
  holds(text: number): boolean
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

/** A stored record, field by field. */
type StoredFields = [
  epoch: number,
  generation: number,
  /** How the epoch before has ended. */
  parting: number,
  claim: number,
  accessToken: number,
  refreshToken: number,
  subject: number,
  lifetime: number | undefined,
  expiresAt: number | undefined,
]

/** What the machine asks for, and is answered by an input with the same op. None of these may throw. */
export interface Effects {
  /** Those that carry nothing but their op. */
  effect(name: number, op: number): void
  store(op: number, ...record: StoredFields): void
  /** A `POST` below `baseUrl`, or to erase, a `DELETE`; `text` is the key or token that it is sent with. */
  send(op: number, request: number, text: number, body: number): void
  /** As `heard` has it. */
  publish(epoch: number, generation: number, parting: number): void
  /** A waiter gets a token, its version, and how often the request has been sent before. */
  grant(waiter: number, accessToken: number, epoch: number, generation: number, attempt: number): void
  /**
   * A waiter gets something else: of `FAILURES` and then `OUTCOMES`. With the HTTP status, and the text that the server has
   * answered a member with, or the code of its refusal.
   */
  settle(waiter: number, outcome: number, status: number, text: number): void
  /** The snapshot has changed. */
  show(status: number, subject: number, expiresAt: number, failure: number, httpStatus: number, retryAt: number): void
  /** An input and what followed from it is done. */
  step(): void
  /** What subscribers are to be told: an event and when it was, or with 0, that the snapshot has changed. */
  tell(event: number, at: number, first: number, second: number, third: number): void
  /**
   * The monotonic time at which to send `tick`; not a number when nothing is pending. Whoever asks for a token before
   * `mono` and `wall` (on their clocks) would be granted what was granted last, if nothing else happens.
   */
  arm(at: number, mono: number, wall: number): void
}
