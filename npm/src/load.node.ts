// Loader for Node and compatible runtimes (server rendering, tests, Bun, Deno): reads the compiled code from the disk.

import { instantiate } from './instantiate.js'
import { javascript } from './load.javascript.js'
import type { LoadManagerClass } from './manager.js'

export const load: LoadManagerClass = (wasm) =>
  instantiate(
    wasm,
    () => new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url),
    REMEDY,
    javascript,
    async (source) => {
      if (!String(source).startsWith('file:')) return source
      // Imported here, not at the top: a bundle for an environment without files works when it sets the option `wasm`.
      const { readFile } = await import('node:fs/promises')
      return readFile(new URL(String(source)))
    },
  )

const REMEDY =
  'A bundler has moved the JavaScript and not this file. Exclude the package from the bundle (Next.js: ' +
  "serverExternalPackages: ['guestpass']; Vite: ssr.external: ['guestpass']; esbuild: --external:guestpass), or use " +
  "guestpass/inline, or pass the content of guestpass/sdk.wasm by the option 'wasm'."
