/**
 * Identity for visitors who have not signed up yet. `createSession` returns a session whose `fetch` replaces the global
 * `fetch`: it acquires a guest with the first request, attaches the access token, refreshes it, and replays a request
 * after a 401 response.
 *
 * @example
 * ```ts
 * import { createSession } from 'guestpass'
 *
 * const session = createSession({ baseUrl: 'https://api.example' })
 * session.onEvent((event) => console.log(event.type)) // acquired, refreshed, identity, …
 *
 * const response = await session.fetch('/me/cart')
 * console.log(response.status, session.getSnapshot().id) // 200 'anonymous_…'
 * ```
 *
 * @packageDocumentation
 */

import { load } from './load.js'
import { sessionFactory } from './session.js'
import { startWorker } from './start-worker.js'
import type { Session, SessionOptions } from './types.js'

export { GuestpassError } from './errors.js'
export type * from './types.js'

/**
 * Creates the session of a visitor. Create one for the whole page.
 *
 * The session does nothing before its first use: no request, no access to the storage, no timer. A module can therefore
 * create it at its top level, also where pages are rendered on a server. Do not use it on the server: all visitors would
 * share one guest.
 *
 * @throws GuestpassError with code `invalid_option`; the message names the option.
 */
export const createSession: (options?: SessionOptions) => Session = /* @__PURE__ */ sessionFactory(load, startWorker)
