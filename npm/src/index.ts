import { load } from './load.js'
import { sessionFactory } from './session.js'
import type { Session, SessionOptions } from './types.js'

export { GuestpassError } from './errors.js'
export type * from './types.js'

/**
 * Creates the session of a visitor: one for the whole page.
 *
 * Nothing happens until its first use: no request, no look into the storage, no timer. So a module may create it at its
 * top level, also where pages are rendered on a server. There, do not use it: it would be one guest for all visitors.
 *
 * @throws GuestpassError with code `invalid_option`; the message names the option.
 */
export const createSession: (options?: SessionOptions) => Session = /* @__PURE__ */ sessionFactory(load)
