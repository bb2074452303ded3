import type { ErrorCode } from './types.js'

/** The error class of Guestpass. Its `code` is stable; its `message` is for people and never contains a token. */
export class GuestpassError extends Error {
  /** Tells a `GuestpassError` from other errors when the page has two copies of the package. */
  override readonly name = 'GuestpassError'
  /** What went wrong. The codes are stable. */
  readonly code: ErrorCode
  /** The HTTP status of the response. Set with the code `refused`, and for a stream that the server does not open. */
  declare readonly status?: number
  /** Set with the code `refused`: the server's stable reason, such as `invalid_credentials` or `email_taken`. */
  declare readonly reason?: string

  /**
   * The package creates these errors. An app creates one in its own tests only.
   *
   * @param options - `cause` is the underlying error, as in every `Error`. `status` and `reason` describe a refusal.
   */
  constructor(
    code: ErrorCode,
    message: string,
    options?: ErrorOptions & { readonly status?: number; readonly reason?: string },
  ) {
    super(message, options)
    this.code = code
    if (options?.status !== undefined) this.status = options.status
    if (options?.reason !== undefined) this.reason = options.reason
  }
}
