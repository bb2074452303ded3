// Minifies the inline script of an early login, into npm/pkg/early_login.js. The package npm runs this in its build.

import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const npm = new URL('../npm/', import.meta.url)

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('snippet/early-login.ts', npm))],
  bundle: true,
  minify: true,
  format: 'iife',
  tsconfigRaw: {},
  // The oldest supported engines (docs/guides/loading.md).
  target: ['chrome100', 'firefox100', 'safari15.4'],
  write: false,
})
const script = outputFiles[0].text.trim()

await mkdir(new URL('pkg/', npm), { recursive: true })
await writeFile(new URL('pkg/early_login.js', npm), `export const script = ${JSON.stringify(script)}\n`)
await writeFile(new URL('pkg/early_login.d.ts', npm), 'export declare const script: string\n')
console.log(`build-early-login: npm/pkg/early_login.js, a script of ${script.length} bytes`)
