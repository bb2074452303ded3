// Loader for browsers, workers and bundlers: fetches the compiled code from a file beside the JavaScript.

import { instantiate } from './instantiate.js'
import { javascript } from './load.javascript.js'
import type { LoadManagerClass } from './manager.js'

export const load: LoadManagerClass = (wasm) =>
  // Bundlers recognise exactly this expression: they copy the file and replace the URL.
  instantiate(wasm, () => new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url), REMEDY, javascript)

const REMEDY =
  'Reload the page if a deploy has removed the file. If the bundler has not copied it, use guestpass/inline or the option ' +
  "'wasm'. The Content-Security-Policy must allow its origin in connect-src."
