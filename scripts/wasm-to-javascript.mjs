// Translates the compiled code to JavaScript with wasm2js of binaryen, and makes one module of it and its glue, for environments
// without WebAssembly. Unlike the module for WebAssembly, it is complete: it exports the class.

import { execFileSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { buildSync } from 'esbuild'

// wasm2js translates neither these instructions nor a copy within the memory.
const LOWERED = ['--signext-lowering', '--llvm-nontrapping-fptoint-lowering', '--llvm-memory-copy-fill-lowering']

/**
 * @param folder - contains `guestpass_sdk_bg.wasm`, whose imports and exports have short names, and its glue before the renaming.
 * @param features - the arguments of binaryen that enable the features of the code.
 * @param functions - the functions that the code imports, each as `NAME as SHORT_NAME`.
 * @param renamed - the options of esbuild that give short names to the exports in the glue.
 */
export function writeJavaScript(folder, features, functions, renamed) {
  const file = (name) => resolve(folder, name)
  const [lowered, code, imports, views, glue] = [
    ...['lowered.wasm', 'wasm2js.js', 'wasm2js_imports.js', 'wasm2js_views.js', 'wasm2js_glue.js'].map(file),
  ]
  execFileSync('wasm-opt', [...features, file('guestpass_sdk_bg.wasm'), ...LOWERED, '--output', lowered])
  execFileSync('wasm2js', [...features, '-O', lowered, '--output', code])
  writeFileSync(views, viewsOf(renamed.mangleCache.memory))
  writeFileSync(imports, `export { ${functions} } from './wasm2js_glue.js'`)
  const common = { bundle: true, format: 'esm', target: 'es2020', ...renamed }
  buildSync({
    ...common,
    entryPoints: [file('guestpass_sdk_bg.js')],
    outfile: glue,
    inject: [views],
    external: ['./wasm2js.js'],
  })
  buildSync({
    ...common,
    stdin: {
      contents: `import * as code from './wasm2js.js'
        import { __wbg_set_wasm, SessionManager } from './wasm2js_glue.js'
        __wbg_set_wasm(code)
        export { SessionManager }`,
      resolveDir: folder,
    },
    // The pass of binaryen names the module of all imports a.
    alias: { a: imports },
    minify: true,
    outfile: file('guestpass_sdk_javascript.js'),
  })
  writeFileSync(file('guestpass_sdk_javascript.d.ts'), "export { SessionManager } from './guestpass_sdk.js'\n")
  for (const made of [lowered, code, imports, views, glue]) rmSync(made)
}

// When the memory of WebAssembly grows, its old buffer is detached, and the glue makes new views. The memory of wasm2js is an
// ordinary buffer, which remains. So these views say that they are detached when the memory has another buffer.
function viewsOf(memory) {
  return `
import { ${memory} as memory } from './wasm2js.js'

export { Bytes as Uint8Array, View as DataView }

function Bytes(buffer) {
  const bytes = new globalThis.Uint8Array(buffer)
  return Object.defineProperty(bytes, 'byteLength', { get: () => (buffer === memory.buffer ? bytes.length : 0) })
}

function View(buffer) {
  const view = new globalThis.DataView(buffer)
  return Object.defineProperty(view, 'buffer', { get: () => ({ detached: buffer !== memory.buffer }) })
}
`
}
