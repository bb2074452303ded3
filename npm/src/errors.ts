import type { ErrorCode, Problem } from './types.js'

/** The error class of Guestpass. Its `code` is stable; its `message` is for people and never contains a token. */
export class GuestpassError extends Error {
  /** Tells a `GuestpassError` from other errors when the page has two copies of the package. */
  override readonly name = 'GuestpassError'
  /** What went wrong. The codes are stable. */
  declare readonly code: ErrorCode
  /** The HTTP status. Set with the code `refused`, and for each response to a collection or a stream that is an error. */
  declare readonly status?: number
  /** Set with the code `refused`: the server's stable reason, such as `invalid_credentials` or `collection_full`. */
  declare readonly reason?: string
  /** The problem document of the response to a request of a `Collection`. */
  declare readonly problem?: Problem

  /**
   * The package creates these errors. An app creates one in its own tests only.
   *
   * @param options - `cause` is the underlying error, as in every `Error`. The other members describe a response.
   */
  constructor(
    code: ErrorCode,
    message: string,
    options?: ErrorOptions & {
      readonly status?: number | undefined
      readonly reason?: string | undefined
      readonly problem?: Problem | undefined
    },
  ) {
    super(message, options)
    Object.assign(this, options, { code })
  }
}
