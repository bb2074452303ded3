// Loader for Node and compatible runtimes (server rendering, tests, Bun, Deno): reads the compiled code from the disk.

import { instantiate } from './instantiate.js'
import type { LoadManagerClass } from './manager.js'

export const load: LoadManagerClass = (wasm) =>
  instantiate(
    wasm,
    () => new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url),
    REMEDY,
    async (source) => {
      if (!String(source).startsWith('file:')) return source
      // Imported here, not at the top: a bundle for an environment without files works when it sets the option `wasm`.
      const { readFile } = await import('node:fs/promises')
      return readFile(new URL(String(source)))
    },
  )

const REMEDY =
  'If a bundler made one file of the program, exclude the package guestpass from the bundle, copy that file too, or use ' +
  'guestpass/inline.'
