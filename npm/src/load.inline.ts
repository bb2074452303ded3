// Serves places that cannot load files: the compiled code is a text in the JavaScript.

import { base64 } from '../pkg/guestpass_sdk_inline.js'
import { instantiate } from './instantiate.js'
import type { Load } from './manager.js'

export const load: Load = (wasm) => instantiate(wasm, bytes, REMEDY)

/** The compiled session manager. */
export function bytes(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

const REMEDY = 'This place seems to forbid WebAssembly, or to know none.'
