import { build, init, initSync, SessionManager } from '../pkg/guestpass_sdk.js'
import { GuestpassError } from './errors.js'
import type { ManagerClass } from './manager.js'
import type { SessionOptions, WasmSource } from './types.js'

let attempt: Promise<ManagerClass> | undefined

/**
 * Makes the session manager out of what the option `wasm` says, or else of `usual`. All entries of the package share one
 * attempt, and what it leads to; a failure is not kept.
 *
 * @param usual - what this environment takes when nothing else was said.
 * @param remedy - what to do about a failure, for the error's message.
 * @param read - turns a source into one that can be compiled, where that is not known to `fetch`.
 */
export function instantiate(
  wasm: SessionOptions['wasm'],
  usual: WasmSource | (() => WasmSource),
  remedy: string,
  read: (source: WasmSource) => WasmSource | Promise<WasmSource> = (source) => source,
): Promise<ManagerClass> {
  const make = async () => {
    let source: WasmSource | undefined
    try {
      const from = wasm ?? usual
      const given = await (typeof from === 'function' ? from() : from)
      source = given
      const module = await compile(await read(given))
      checkBuild(module)
      await init({ module_or_path: module })
      return SessionManager
    } catch (cause) {
      attempt = undefined
      const place = typeof source === 'string' || source instanceof URL ? ` from ${source}` : ''
      throw new GuestpassError(
        'load_failed',
        `the compiled session manager could not be loaded${place}. ${csp(cause) ?? remedy} (${cause})`,
        { cause },
      )
    }
  }
  attempt ??= make()
  return attempt
}

/** The same without waiting, which browsers forbid for large modules on their main thread. For tests. */
export function instantiateAtOnce(bytes: () => BufferSource): ManagerClass {
  initSync({ module: bytes() })
  attempt ??= Promise.resolve(SessionManager)
  return SessionManager
}

async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  let from = typeof source === 'string' || source instanceof URL ? await fetch(source) : source
  if (from instanceof Response) {
    const type = from.headers.get('Content-Type')
    if (!from.ok) throw new Error(`HTTP ${from.status}`)
    // Compiles while the file arrives, which takes the exact MIME type.
    if (type === 'application/wasm') return WebAssembly.compileStreaming(from)
    console.warn(`guestpass: ${from.url} is served as ${type}; application/wasm would be faster`)
    from = await from.arrayBuffer()
  }
  // A module may be that of another realm, so it is known by what it is not.
  return 'byteLength' in from ? WebAssembly.compile(from as BufferSource) : from
}

/** The code and the JavaScript of two builds call each other by names that mean something else in the other one. */
function checkBuild(module: WebAssembly.Module): void {
  const [section] = WebAssembly.Module.customSections(module, 'guestpass')
  if (section && new TextDecoder().decode(section) !== build) {
    throw new Error('the file is of another version than the package: copy guestpass/sdk.wasm again')
  }
}

function csp(cause: unknown): string | undefined {
  if (/unsafe-eval|Content Security Policy|\bCSP\b/i.test(String(cause))) {
    return "The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src."
  }
}
