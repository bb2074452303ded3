// Serves browsers, workers and bundlers: the compiled code is a file beside the JavaScript, and is fetched.

import { instantiate } from './instantiate.js'
import type { Load } from './manager.js'

export const load: Load = (wasm) =>
  // Written out here because this is the form that bundlers recognise, copy the file for, and replace the URL in.
  instantiate(wasm, () => new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url), REMEDY)

const REMEDY =
  'See that this address answers with that file, as application/wasm, and that a Content-Security-Policy allows it ' +
  "(its origin in connect-src, 'wasm-unsafe-eval' in script-src)."
