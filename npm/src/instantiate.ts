import { build, imports, SessionManager, setExports } from '../pkg/guestpass_sdk.js'
import { GuestpassError } from './errors.js'
import type { ManagerClass } from './manager.js'
import type { SessionOptions, WasmSource } from './types.js'

let attempt: Promise<ManagerClass> | undefined
let instance: WebAssembly.Instance | undefined

/**
 * Compiles and instantiates the session manager, from the option `wasm` or else from `usual`. All entries of the package
 * share one attempt and its result. After a failure, the next call tries again.
 *
 * @param usual - the source of this environment, used when the option `wasm` is not set.
 * @param remedy - advice for the message of the error.
 * @param read - reads a source that `fetch` cannot read, such as a file URL in Node.
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
      return ready(await WebAssembly.instantiate(module, imports))
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

/** The same, synchronously, for tests. Browsers do not allow it for large modules on their main thread. */
export function instantiateAtOnce(bytes: () => BufferSource): ManagerClass {
  if (!instance) ready(new WebAssembly.Instance(new WebAssembly.Module(bytes()), imports))
  attempt ??= Promise.resolve(SessionManager)
  return SessionManager
}

/** Only the first instance is used: the session managers of a page share its memory. */
function ready(made: WebAssembly.Instance): ManagerClass {
  instance ??= made
  setExports(instance.exports)
  return SessionManager
}

async function compile(source: WasmSource): Promise<WebAssembly.Module> {
  let from = typeof source === 'string' || source instanceof URL ? await fetch(source) : source
  if (from instanceof Response) {
    const type = from.headers.get('Content-Type')
    if (!from.ok) throw new Error(`HTTP ${from.status}`)
    // Compiles while the file is downloaded. Browsers do so only with this exact MIME type.
    if (type === 'application/wasm') return WebAssembly.compileStreaming(from)
    console.warn(`guestpass: ${from.url} is served as ${type}; serve it as application/wasm to load it faster`)
    from = await from.arrayBuffer()
  }
  // `instanceof` fails for a module of another realm, so check for bytes instead.
  return 'byteLength' in from ? WebAssembly.compile(from as BufferSource) : from
}

/** Checks that the .wasm file and the JavaScript are of one build: the names by which they call each other are minified. */
function checkBuild(module: WebAssembly.Module): void {
  const [section] = WebAssembly.Module.customSections(module, 'guestpass')
  if (section && new TextDecoder().decode(section) !== build) {
    throw new Error('the file and the package have different versions: copy guestpass/sdk.wasm again')
  }
}

function csp(cause: unknown): string | undefined {
  if (/unsafe-eval|Content Security Policy|\bCSP\b/i.test(String(cause))) {
    return "The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src."
  }
}
