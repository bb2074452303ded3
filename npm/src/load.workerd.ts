// Loader for workerd (Cloudflare Workers). The platform compiles the file when the program is deployed,
// and the import is the compiled module. Compiling or fetching the file at run time is not possible there.

import module from '../pkg/guestpass_sdk_bg.wasm'
import { instantiate } from './instantiate.js'
import type { LoadManagerClass } from './manager.js'

export const load: LoadManagerClass = (wasm) => instantiate(wasm, module, REMEDY)

const REMEDY =
  "Check that the bundler imports .wasm files as WebAssembly.Module, or pass a module by the option 'wasm'."
