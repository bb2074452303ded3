// Serves Cloudflare Workers and other users of workerd: the compiled code is a module that the platform has compiled when
// the program was deployed. To compile it later, or to fetch it from beside the JavaScript, is not possible there.

import module from '../pkg/guestpass_sdk_bg.wasm'
import { instantiate } from './instantiate.js'
import type { Load } from './manager.js'

export const load: Load = (wasm) => instantiate(wasm, module, REMEDY)

const REMEDY = "See that the bundler hands out .wasm files as WebAssembly.Module, or pass one by the option 'wasm'."
