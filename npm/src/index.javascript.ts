/**
 * The same API as `guestpass`, for environments without WebAssembly, such as React Native: the compiled session manager is
 * translated to JavaScript, which is larger. The entry `guestpass` loads it by itself in browsers whose
 * WebAssembly is switched off.
 *
 * @example
 * ```ts
 * import { createSession } from 'guestpass/javascript'
 *
 * const session = createSession({ baseUrl: 'https://api.example' })
 * const response = await session.fetch('/items/')
 * ```
 *
 * @packageDocumentation
 */

import { load } from './load.javascript.js'
import { sessionFactory } from './session.js'
import type { Session, SessionOptions } from './types.js'

export { GuestpassError } from './errors.js'
export type * from './types.js'

/** The same as `createSession` of `guestpass`, without WebAssembly. The option `wasm` has no effect. */
export const createSession: (options?: SessionOptions) => Session = /* @__PURE__ */ sessionFactory(load)
