// Loader for browsers, workers and bundlers: fetches the compiled code from a file beside the JavaScript.

import { instantiate } from './instantiate.js'
import type { LoadManagerClass } from './manager.js'

export const load: LoadManagerClass = (wasm) =>
  // Bundlers recognise exactly this expression: they copy the file and replace the URL.
  instantiate(wasm, () => new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url), REMEDY)

const REMEDY =
  'Check that this URL returns that file as application/wasm, and that the Content-Security-Policy allows it ' +
  "(its origin in connect-src, 'wasm-unsafe-eval' in script-src)."
