// The inline script of an early login: it begins the acquisition of a first visit before the compiled code is there. It does what
// the session manager would do: take the lock, store the acquire key, send the login. The session manager then takes over the lock
// and the request. scripts/build-early-login.mjs minifies this file; src/early-login.ts replaces the two constants.
//
// Whatever goes wrong here, the session manager does the whole acquisition itself, with the stored key: the same guest.

declare const __BASE_URL__: string
declare const __NAME__: string

/** For how long the lock is held for a session manager, in milliseconds. Then the other tabs find the stored key. */
const LOCK_TIME = 1_000
/** For how long the request can be taken over, in milliseconds: the lifetime of the token counts from the takeover. */
const REQUEST_TIME = 10_000

/** The session manager finds this object under the name of its lock, and uses it in place of the lock manager and of `fetch`. */
interface EarlyLogin {
  /** The access token of the response, for requests that are sent before the session manager is there. Undefined without one. */
  readonly token: Promise<string | undefined>
  /** `LockManager.request`: grants the lock that this script holds, or passes the call on. */
  request(name: string, options: LockOptions, granted: (lock: unknown) => unknown): Promise<unknown>
  /** `fetch`: returns the response to the request that this script has sent, if it is the same one, or passes the call on. */
  fetch(url: string, init: { readonly headers: Headers; readonly signal: AbortSignal }): Promise<Response>
}

try {
  const baseUrl = __BASE_URL__
  const id = `guestpass:${__NAME__}@${baseUrl}`
  const page = globalThis as unknown as Record<string, EarlyLogin>
  const { locks } = navigator
  const controller = new AbortController()
  let key: string | undefined
  let sent: Promise<Response> | undefined
  let token: Promise<string | undefined> | undefined
  let latest = 0
  let release: ((held?: unknown) => void) | undefined
  let decide: (() => void) | undefined
  const decided = new Promise<void>((resolve) => {
    decide = resolve
  })

  /** The record of an acquisition that is under way, exactly as the session manager stores it. */
  const record = (acquire_key: string) =>
    JSON.stringify({ v: 2, epoch: 0, generation: 0, end_reason: 'signed_out', acquire_key, credential: null })

  /** The key of this first visit: a new one, or that of a page that has begun. Undefined when there is any other record. */
  const acquireKey = (): string | undefined => {
    const stored = localStorage.getItem(id)
    if (!stored) {
      return btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(18))))
        .replace(/\+/g, '-')
        .replace(/\//g, '_')
    }
    const { acquire_key } = JSON.parse(stored)
    return stored === record(acquire_key) ? acquire_key : undefined
  }

  // A returning visitor needs no lock, which another tab might want.
  if (/^http/.test(baseUrl) && !page[id] && acquireKey()) {
    const ended = locks.request(id, { ifAvailable: true }, (lock) => {
      // In a prerendered page, the browser grants the lock when the page is shown.
      key = lock ? acquireKey() : undefined
      if (!key) return
      localStorage.setItem(id, record(key))
      sent = fetch(`${baseUrl}/anonymous-login`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
        body: '{"refresh":true}',
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'manual',
        signal: controller.signal,
      })
      // The session manager finds a failure in `sent`. It reads the body after this copy is made.
      token = sent
        .then((response) => response.ok && response.clone().json())
        .then((body) => body.access_token)
        .catch(() => {})
      latest = performance.now() + REQUEST_TIME
      setTimeout(() => {
        release?.()
        release = undefined
      }, LOCK_TIME)
      return new Promise((resolve) => {
        release = resolve
        decide?.()
      })
    })
    ended.then(decide, decide)
    page[id] = {
      token: decided.then(() => token),
      request: (name, options, granted) =>
        decided.then(() => {
          const hold = release
          release = undefined
          if (!hold) return locks.request(name, options, granted)
          // The lock is held while the promise that `granted` returns is pending.
          hold(granted(1))
          return ended
        }),
      fetch(url, init) {
        delete page[id]
        if (!sent || init.headers.get('Idempotency-Key') !== key || performance.now() > latest) return fetch(url, init)
        init.signal.onabort = () => controller.abort()
        return sent
      },
    }
  }
} catch {}
