import { onAbort } from './listeners.js'

/** Statuses of a failure that may pass: another attempt may succeed. */
export function isTemporary(status: number): boolean {
  return status === 408 || status === 429 || status >= 500
}

/** The time that a response asks the client to wait, in milliseconds; 0 without a `Retry-After` (RFC 9110, section 10.2.3). */
export function retryAfter({ headers }: Response): number {
  const header = headers.get('Retry-After') ?? ''
  return Number(header) * 1000 || Date.parse(header) - Date.now() || 0
}

/** Waits. Rejects with the reason of the signal when it is aborted. */
export function elapsed(delay: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer)
      removeListener()
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      removeListener()
      resolve()
    }, delay)
    const removeListener = onAbort(signal, abort)
    if (signal?.aborted) abort()
  })
}
