import { load } from './load.workerd.js'
import { sessionFactory } from './session.js'
import type { Session, SessionOptions } from './types.js'

export { GuestpassError } from './errors.js'
export type * from './types.js'

/** As in `index.ts`, with the loader of workerd. */
export const createSession: (options?: SessionOptions) => Session = /* @__PURE__ */ sessionFactory(load)
