// Loader for environments that cannot load files: decodes the compiled code from base64 in the JavaScript.

import { base64 } from '../pkg/guestpass_sdk_inline.js'
import { instantiate } from './instantiate.js'
import type { LoadManagerClass } from './manager.js'

export const load: LoadManagerClass = (wasm) => instantiate(wasm, bytes, REMEDY)

/** The bytes of the compiled session manager. */
export function bytes(): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

const REMEDY = 'Check that this environment supports and allows WebAssembly.'
