import { load } from './load.inline.js'
import { sessionFactory } from './session.js'
import type { Session, SessionOptions } from './types.js'

export { GuestpassError } from './errors.js'
export type * from './types.js'

/**
 * As `createSession` of `guestpass`, with the compiled session manager inside the JavaScript: a third larger, but there
 * is no file to be found, copied or served.
 */
export const createSession: (options?: SessionOptions) => Session = /* @__PURE__ */ sessionFactory(load)
