/**
 * The same API as `guestpass`, for environments that cannot load a file: the compiled session manager is embedded in the
 * JavaScript as base64, which makes it a third larger.
 *
 * @example
 * ```ts
 * import { createSession } from 'guestpass/inline'
 *
 * const session = createSession({ baseUrl: 'https://api.example' })
 * const response = await session.fetch('/items/')
 * ```
 *
 * @packageDocumentation
 */

import { load } from './load.inline.js'
import { sessionFactory } from './session.js'
import type { Session, SessionOptions } from './types.js'

export { GuestpassError } from './errors.js'
export type * from './types.js'

/** The same as `createSession` of `guestpass`, without a file to load: a proof of work is solved without a worker. */
export const createSession: (options?: SessionOptions) => Session = /* @__PURE__ */ sessionFactory(load)
