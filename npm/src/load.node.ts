// Serves Node and what resembles it (server rendering, tests, Bun, Deno): the compiled code is read from the disk.

import { instantiate } from './instantiate.js'
import type { Load } from './manager.js'

export const load: Load = (wasm) =>
  instantiate(
    wasm,
    () => new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url),
    REMEDY,
    async (source) => {
      if (!String(source).startsWith('file:')) return source
      // Not at the top: whoever bundles for a place without files may still bring the code along by the option `wasm`.
      const { readFile } = await import('node:fs/promises')
      return readFile(new URL(String(source)))
    },
  )

const REMEDY =
  'If the program was bundled into one file, keep the package guestpass out of the bundle, copy that file along, or ' +
  'use guestpass/inline.'
