// The entry `guestpass` for the edge runtime of Next.js. `package.json` selects it by a condition of `exports`.

import { load } from './load.edge-light.js'
import { sessionFactory } from './session.js'
import type { Session, SessionOptions } from './types.js'

export { GuestpassError } from './errors.js'
export type * from './types.js'

/** The same as in `index.ts`, with the loader for the edge runtime of Next.js. */
export const createSession: (options?: SessionOptions) => Session = /* @__PURE__ */ sessionFactory(load)
