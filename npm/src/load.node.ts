// Loader for Node and compatible runtimes (server rendering, tests, Bun, Deno). The compiled code is in the JavaScript, as in
// `guestpass/inline`: a bundle for a server has no other file that it could lose. The option `wasm` may name a file.

import { instantiate } from './instantiate.js'
import { bytes } from './load.inline.js'
import { javascript } from './load.javascript.js'
import type { LoadManagerClass } from './manager.js'

export const load: LoadManagerClass = (wasm) =>
  instantiate(wasm, bytes, REMEDY, javascript, async (source) => {
    if (!String(source).startsWith('file:')) return source
    // Imported here, not at the top: a bundle for an environment without files works when it does not name a file.
    const { readFile } = await import('node:fs/promises')
    return readFile(new URL(String(source)))
  })

const REMEDY =
  "Check that this environment supports and allows WebAssembly, and that the option 'wasm', if it is set, names the file " +
  'guestpass/sdk.wasm.'
