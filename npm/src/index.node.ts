// The entry `guestpass` for Node. `package.json` selects it by a condition of `exports`.

import { load } from './load.node.js'
import { sessionFactory } from './session.js'
import type { Session, SessionOptions } from './types.js'

export { GuestpassError } from './errors.js'
export type * from './types.js'

/** The same as in `index.ts`, with the loader for Node. */
export const createSession: (options?: SessionOptions) => Session = /* @__PURE__ */ sessionFactory(load)
