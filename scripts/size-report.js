// Prints the sizes of the built package and of axios with hand-written interceptors: raw and compressed. The JavaScript is bundled
// and minified, as in an app. Fails when a size exceeds its budget.

import { readFile } from 'node:fs/promises'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const GLUE = '*/guestpass_sdk.js'

// In bytes, of gzip -9 and of brotli -q 11. When the sizes decrease, lower the budgets, too, but leave 200 bytes: compilers differ.
// The goal is 36,000 and 32,000 (docs/decisions/wasm-size.md).
const BUDGETS = {
  total: [43_480, 38_750],
  'guestpass/react, besides': [1_000, 1_000],
  'guestpass/axios, besides': [1_200, 1_100],
}

const wasm = await readFile('npm/pkg/guestpass_sdk_bg.wasm')
// The same code as JavaScript, for browsers without WebAssembly. It has no budget.
const JAVASCRIPT = '*/guestpass_sdk_javascript.js'
const javascript = await readFile('npm/pkg/guestpass_sdk_javascript.js')
// One file, as a bundler makes it, and its parts alone. The code for passkeys and challenges is loaded on demand.
const ON_DEMAND = ['./passkeys*', './challenge*', JAVASCRIPT]
const script = await bundled('npm/dist/index.js', ON_DEMAND)
const all = await bundled('npm/dist/index.js', ['./challenge*', JAVASCRIPT])
const replaced = await bundled('npm/dist/index.javascript.js', ON_DEMAND)
const proof = await bundled('npm/dist/challenge.js')
const glue = await bundled('npm/pkg/guestpass_sdk.js')
const face = await bundled('npm/dist/index.js', [GLUE, ...ON_DEMAND])
// The session has these modules already.
const SHARED = ['*/index.js', './listeners.js', './load-part.js']
// The panel of the devtools is loaded on demand.
const react = await bundled('npm/dist/react.js', ['react', ...SHARED, './devtools*'])
const binding = await bundled('npm/dist/axios.js', ['axios', ...SHARED])

const axios = await bundled({
  contents: `import axios from 'axios'
    import { createClassicClient } from './tests/interop/classic_client.js'
    export const api = createClassicClient(axios, '/', localStorage)`,
  resolveDir: '.',
})

const rows = [
  ['', 'raw', 'gzip -9', 'brotli -q 11'],
  ['wasm', ...sizes(wasm)],
  ['JavaScript', ...sizes(script)],
  ['total', ...sum(wasm, script)],
  ['  with passkeys, in one file', ...sum(wasm, all)],
  ['  of which glue, alone', ...sizes(glue)],
  ['  of which façade, alone', ...sizes(face)],
  ['guestpass/javascript', ...sum(javascript, replaced)],
  ['proof of work, on demand', ...sizes(proof)],
  ['guestpass/react, besides', ...sizes(react)],
  ['guestpass/axios, besides', ...sizes(binding)],
  ['axios + interceptors', ...sizes(axios)],
]
for (const [name, ...cells] of rows) {
  console.log(name.padEnd(28) + cells.map((cell) => String(cell).padStart(14)).join(''))
}

for (const [name, , ...compressed] of rows) {
  const budget = BUDGETS[name]
  if (!budget || compressed.every((bytes, column) => bytes <= budget[column])) continue
  console.error(`error: ${name} is larger than its budget of ${budget.join(' and ')} bytes (scripts/size-report.js)`)
  process.exitCode = 1
}

/** Bundles an entry with its modules. The entry is a file, or a text with the folder from which it imports. */
async function bundled(entry, external = []) {
  const { outputFiles } = await build({
    ...(typeof entry === 'string' ? { entryPoints: [entry] } : { stdin: entry }),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    external,
    write: false,
  })
  return outputFiles[0].contents
}

function sizes(bytes) {
  const brotli = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  })
  return [bytes.length, gzipSync(bytes, { level: 9 }).length, brotli.length]
}

function sum(...files) {
  return files.map(sizes).reduce((total, row) => total.map((bytes, column) => bytes + row[column]))
}
