// Shrinks what wasm-pack has built into a folder: wasm-opt over the code, names of a few letters for what the code and its
// glue call each other by, and the glue minified without the ways to load that the package does not use.
//
//   node scripts/shrink-wasm.mjs FOLDER
//
// The names are chosen by binaryen's own pass, which tells which it has given; esbuild gives them to the same properties of
// the glue. No text of either is matched.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

// Those that rustc lets LLVM use for wasm32; wasm-opt refuses what it is not told of.
const FEATURES = [
  'bulk-memory',
  'bulk-memory-opt',
  'nontrapping-float-to-int',
  'sign-ext',
  'mutable-globals',
  'reference-types',
  'multivalue',
]

const [folder] = process.argv.slice(2)
const code = join(folder, 'guestpass_sdk_bg.wasm')
const glue = join(folder, 'guestpass_sdk.js')

function wasmOpt(...passes) {
  const features = FEATURES.map((feature) => `--enable-${feature}`)
  return execFileSync('wasm-opt', [...features, code, ...passes, '--output', code], { encoding: 'utf8' })
}

// A function with one caller, of up to 50 instructions, becomes a part of that caller; larger ones compress better alone.
const INLINED = '--one-caller-inline-max-function-size=50'
// The control flow is laid out anew: what the compiler has made of it is 1.5 % longer.
const AGAIN = ['--flatten', '--rereloop', '-Oz', '-Oz', '--converge', INLINED]
wasmOpt(...AGAIN, '--low-memory-unused', '--strip-debug', '--strip-producers', '--strip-target-features')
const { imports, exports } = JSON.parse(wasmOpt('--minify-imports-and-exports-and-modules'))
const names = Object.fromEntries([...imports.map(([, from, to]) => [from, to]), ...exports])
for (const [module, , , renamed = 'a'] of imports) names[module] = renamed

// The code of one build has the names of another one for something else: npm/src/instantiate.ts compares.
const build = createHash('sha256').update(readFileSync(code)).digest('base64url').slice(0, 8)
appendFileSync(code, customSection('guestpass', Buffer.from(build)))

const { outputFiles } = buildSync({
  stdin: {
    contents: `export { default as init, initSync, SessionManager } from './guestpass_sdk.js'
      export const build = '${build}'`,
    resolveDir: folder,
  },
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  mangleProps: new RegExp(`^(${Object.keys(names).map(escaped).join('|')}|__wbg_ptr)$`),
  mangleQuoted: true,
  mangleCache: names,
  write: false,
})
writeFileSync(glue, outputFiles[0].contents)
appendFileSync(
  join(folder, 'guestpass_sdk.d.ts'),
  '\nexport { __wbg_init as init }\nexport declare const build: string\n',
)
// Of the code as it was.
rmSync(`${code}.d.ts`)

/** WebAssembly core specification, §5.5.3: a section that engines skip. */
function customSection(name, content) {
  const payload = Buffer.concat([Buffer.of(name.length), Buffer.from(name), content])
  return Buffer.concat([Buffer.of(0, payload.length), payload])
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
