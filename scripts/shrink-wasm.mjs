// Makes the output of wasm-pack (target bundler) smaller: optimises the code with wasm-opt, gives short names to the imports and exports
// of the code, and makes one minified module of the glue, from which the package takes the imports and to which it gives the exports.
//
//   node scripts/shrink-wasm.mjs FOLDER NAME EXPORT
//
// NAME is that of the library, and EXPORT the class or function that the glue exports.
//
// A pass of binaryen chooses the short names and prints them; esbuild renames the properties of the glue accordingly. Nothing is
// replaced by text search.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'
import { writeJavaScript } from './wasm-to-javascript.mjs'

// The features that rustc enables for wasm32. wasm-opt refuses code that uses other features.
const FEATURES = [
  'bulk-memory',
  'bulk-memory-opt',
  'nontrapping-float-to-int',
  'sign-ext',
  'mutable-globals',
  'reference-types',
  'multivalue',
].map((feature) => `--enable-${feature}`)

const [folder, name, exported] = process.argv.slice(2)
const code = join(folder, `${name}_bg.wasm`)
const glue = join(folder, `${name}.js`)

function wasmOpt(...passes) {
  return execFileSync('wasm-opt', [...FEATURES, code, ...passes, '--output', code], { encoding: 'utf8' })
}

// Functions with one caller and up to 50 instructions are inlined. Larger functions compress better alone.
const INLINED = '--one-caller-inline-max-function-size=50'
// These passes rebuild the control flow, which makes the code 1.5 % smaller.
const AGAIN = ['--flatten', '--rereloop', '-Oz', '-Oz', '--converge', INLINED]
wasmOpt(...AGAIN, '--low-memory-unused', '--strip-debug', '--strip-producers', '--strip-target-features')
const { imports, exports } = JSON.parse(wasmOpt('--minify-imports-and-exports-and-modules'))
if (exports.some(([name]) => name === '__wbindgen_start'))
  throw new Error('npm/src/instantiate.ts does not call __wbindgen_start')
const names = Object.fromEntries(exports)
const functions = imports.map(([, name]) => name)
const shortNames = imports.map(([, name, short]) => `${short}: ${name}`)

// The short names of two builds differ. npm/src/instantiate.ts compares this id, so that code and glue are of one build.
const build = createHash('sha256').update(readFileSync(code)).digest('base64url').slice(0, 8)
appendFileSync(code, customSection('guestpass', Buffer.from(build)))

// Properties that are renamed in the glue.
const renamed = {
  mangleProps: new RegExp(`^(${Object.keys(names).map(escaped).join('|')}|__wbg_ptr)$`),
  mangleQuoted: true,
  mangleCache: names,
}

const { outputFiles } = buildSync({
  stdin: {
    contents: `import { __wbg_set_wasm as setExports, ${[exported, ...functions]} } from './${name}_bg.js'
      export { ${exported}, setExports }
      export const build = '${build}'
      // The pass of binaryen names the module of all imports a.
      export const imports = { a: { ${shortNames} } }`,
    resolveDir: folder,
  },
  bundle: true,
  format: 'esm',
  target: 'es2022',
  minify: true,
  ...renamed,
  write: false,
})
writeFileSync(glue, outputFiles[0].contents)
appendFileSync(
  join(folder, `${name}.d.ts`),
  `
/** The id of the build. */
export declare const build: string
/** The functions that the code imports. */
export declare const imports: WebAssembly.Imports
/** Gives the exports of the instantiated code to the glue. */
export declare function setExports(exports: WebAssembly.Exports): void
`,
)
if (exported === 'SessionManager') {
  const shortened = imports.map(([, name, short]) => `${name} as ${short}`)
  writeJavaScript(folder, FEATURES, shortened, renamed)
}
// These files are the glue and its description before the renaming.
rmSync(join(folder, `${name}_bg.js`))
rmSync(`${code}.d.ts`)

/** WebAssembly core specification, §5.5.3: a section that engines skip. */
function customSection(name, content) {
  const payload = Buffer.concat([Buffer.of(name.length), Buffer.from(name), content])
  return Buffer.concat([Buffer.of(0, payload.length), payload])
}

function escaped(text) {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&')
}
