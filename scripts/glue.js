// Works over what wasm-bindgen has written into a folder, so that npm/src/instantiate.ts can use it.
//
//   node scripts/glue.js FOLDER                 the glue exports its parts, and loads nothing by itself
//   node scripts/glue.js FOLDER shorten         minifies the glue, too, and gives imports and exports names of one letter:
//                                               as wasm-bindgen writes them, they weigh a kilobyte. Leaves the WebAssembly
//                                               as text, guestpass_sdk_bg.wat, for wasm-opt to read
//
// The glue of wasm-bindgen 0.2.130; where another version writes it otherwise, this fails rather than guesses.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSync } from 'esbuild'

const MODULE = './guestpass_sdk_bg.js'
const [folder, shorten] = process.argv.slice(2)
const path = (name) => join(folder, name)

exportParts()
keepSessions()
if (shorten) {
  dropTexts()
  minify(shortNames())
}

/** The way to instantiate is ours: shorter, and with errors that say what to do. */
function exportParts() {
  rewrite('guestpass_sdk.js', (text) =>
    replaced(
      text,
      'export { initSync, __wbg_init as default };',
      'export { __wbg_finalize_init as finish, __wbg_get_imports as imports };',
    ),
  )
  rewrite('guestpass_sdk.d.ts', (text) => {
    const [classes, rest] = text.split('export type InitInput')
    if (!rest) throw new Error('guestpass_sdk.d.ts declares no InitInput')
    return `${classes}export declare function imports(): WebAssembly.Imports;
export declare function finish(instance: WebAssembly.Instance): void;
`
  })
}

/** Nobody frees a session: see `WasmSession`. */
function keepSessions() {
  rewrite('guestpass_sdk.js', (text) => {
    const freeing = [
      /^ {4}__destroy_into_raw\(\) \{\n.*?^ {4}\}\n {4}free\(\) \{\n.*?^ {4}\}\n/ms,
      /^ {8}WasmSessionFinalization\.register\(.*?\);\n/m,
      /^if \(Symbol\.dispose\) WasmSession\..*?\n/m,
      /^const WasmSessionFinalization = .*?;\n/ms,
    ]
    const kept = freeing.reduce((text, part) => text.replace(part, ''), text)
    if (/free\(\)|__destroy|Finalization/.test(kept)) throw new Error('the glue frees sessions in some other way')
    return kept
  })
  rewrite('guestpass_sdk.d.ts', (text) => text.replace(/^ {4}(free\(\)|\[Symbol\.dispose\]\(\)): void;\n/gm, ''))
}

/** No text crosses but those of errors that cannot happen: a session that nobody frees is there, and only borrowed. */
function dropTexts() {
  rewrite('guestpass_sdk.js', (text) => {
    const kept = replaced(
      text,
      'throw new Error(getStringFromWasm0(arg0, arg1))',
      "throw new Error('guestpass: a bug')",
    )
      .replace(/^function getStringFromWasm0\(.*?(?=^let wasmModule)/ms, '')
      .replace(/^ {4}cachedUint8ArrayMemory0 = null;\n/m, '')
      // Whole numbers that WebAssembly takes for signed ones: none is that large.
      .replaceAll(' >>> 0', '')
    if (/FromWasm0|ToWasm0|TextDecoder|Memory0/.test(kept)) throw new Error('the glue passes texts')
    return kept
  })
}

/**
 * Names in the WebAssembly; answers with what they were. What the glue does not use is no longer exported, but for the
 * memory, which is there to be measured.
 */
function shortNames() {
  const glue = readFileSync(path('guestpass_sdk.js'), 'utf8')
  const wasm = path('guestpass_sdk_bg.wasm')
  const text = execFileSync('wasm-dis', ['--all-features', wasm], { encoding: 'utf8', maxBuffer: 2 ** 28 })
  const names = new Map()
  const short = (name) => {
    if (!names.has(name)) names.set(name, `$${names.size.toString(36)}`)
    return names.get(name)
  }
  const renamed = text
    .replace(/\(import "(.*?)" "(.*?)"/g, (_, module, name) => {
      if (module !== MODULE) throw new Error(`an import of ${module}`)
      return `(import "MODULE" "${short(name)}"`
    })
    .replace(/^ \(export "(.*?)" (\(.*\))\)$/gm, (_, name, what) =>
      name === 'memory' || new RegExp(`\\bwasm\\.${name}\\b`).test(glue) ? ` (export "${short(name)}" ${what})` : '',
    )
  // Of another build's names, so that code and glue of two versions do not pass for a pair.
  const module = createHash('sha256')
    .update(JSON.stringify([...names]))
    .digest('base64url')
    .slice(0, 4)
  writeFileSync(path('guestpass_sdk_bg.wat'), renamed.replaceAll('(import "MODULE"', `(import "${module}"`))
  rewrite('guestpass_sdk.js', (text) => replaced(text, `"${MODULE}"`, JSON.stringify(module)))
  return Object.fromEntries(names)
}

/** @param names - those that the WebAssembly has now, by those that the glue has for them */
function minify(names) {
  const { outputFiles, mangleCache } = buildSync({
    entryPoints: [path('guestpass_sdk.js')],
    bundle: true,
    format: 'esm',
    target: 'es2022',
    minify: true,
    mangleProps: new RegExp(`^(${Object.keys(names).join('|')}|__wbg_ptr)$`),
    mangleCache: names,
    write: false,
  })
  const [{ text }] = outputFiles
  for (const [name, short] of Object.entries(names)) {
    if (mangleCache[name] !== short) throw new Error(`${name} is not ${short} in the glue`)
  }
  writeFileSync(path('guestpass_sdk.js'), text)
}

function rewrite(name, change) {
  writeFileSync(path(name), change(readFileSync(path(name), 'utf8')))
}

/** @throws when `what` is not there exactly once */
function replaced(text, what, by) {
  const parts = text.split(what)
  if (parts.length !== 2) throw new Error(`${parts.length - 1} times in the glue: ${what}`)
  return parts.join(by)
}
