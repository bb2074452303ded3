// Loader for environments without WebAssembly: imports the same code as JavaScript.

import { loadPart } from './load-part.js'
import type { LoadJavaScript, LoadManagerClass } from './manager.js'

export const load: LoadManagerClass = async () => (await javascript()).SessionManager

/** The module is a file of its own, which is loaded only where it is needed. */
export const javascript: LoadJavaScript = () =>
  loadPart('sessions without WebAssembly', import('../pkg/guestpass_sdk_javascript.js'))
