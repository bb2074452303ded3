import type { ErrorCode } from './types.js'

/** The one error of Guestpass. Its `code` is stable; its `message` is for people, and never holds a token. */
export class GuestpassError extends Error {
  override readonly name = 'GuestpassError'
  readonly code: ErrorCode

  /** @param options - `cause`: what went wrong underneath, as in every `Error`. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
