import type { ErrorCode } from './types.js'

/** The one error of Guestpass. Its `code` is stable; its `message` is for people, and never holds a token. */
export class GuestpassError extends Error {
  /** What it is known by where its class is another copy's. */
  override readonly name = 'GuestpassError'
  /** What went wrong; stable. */
  readonly code: ErrorCode
  /** Of `refused`, and of a stream that was answered with something else: the HTTP status. */
  declare readonly status?: number
  /** Of `refused`: why, by the stable code of the server's problem, such as `invalid_credentials` or `email_taken`. */
  declare readonly reason?: string

  /**
   * Made by the package; an app makes one in its tests.
   *
   * @param options - `cause`: what went wrong underneath, as in every `Error`; `status` and `reason` of a refusal.
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

/** @param reason - the `code` of the server's problem. */
export function refusal(status: number, reason: string): GuestpassError {
  const message = `the server refused: ${reason} (HTTP ${status}); the session is as it was`
  return new GuestpassError('refused', message, { status, reason })
}
