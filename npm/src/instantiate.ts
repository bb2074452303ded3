import { build, imports, SessionManager, setExports } from '../pkg/guestpass_sdk.js'
import { GuestpassError } from './errors.js'
import type { LoadJavaScript, ManagerClass } from './manager.js'
import type { SessionOptions, WasmSource } from './types.js'
import { parseUrl } from './url.js'

let attempt: Promise<ManagerClass> | undefined
let instance: WebAssembly.Instance | undefined

/**
 * Compiles and instantiates the session manager, from the option `wasm` or else from `usual`. All entries of the package
 * share one attempt and its result. After a failure, the next call tries again.
 *
 * @param usual - the source of this environment, used when the option `wasm` is not set.
 * @param remedy - advice for the message of the error.
 * @param javascript - loads the same code as JavaScript, where WebAssembly is missing or forbidden.
 * @param read - reads a source that `fetch` cannot read, such as a file URL in Node.
 * @throws GuestpassError with code `network` if the network failed, and with `load_failed` otherwise.
 */
export function instantiate(
  wasm: SessionOptions['wasm'],
  usual: WasmSource | (() => WasmSource),
  remedy: string,
  javascript?: LoadJavaScript,
  read: (source: WasmSource) => WasmSource | Promise<WasmSource> = (source) => source,
): Promise<ManagerClass> {
  const make = async () => {
    let source: WasmSource | undefined
    let advice = remedy
    try {
      try {
        if (!globalThis.WebAssembly) throw new Error('WebAssembly is not defined')
        const from = wasm ?? usual
        const given = await (typeof from === 'function' ? from() : from)
        source = given
        const module = await compile(await read(given))
        checkBuild(module)
        return ready(await WebAssembly.instantiate(module, imports))
      } catch (cause) {
        advice = policy(cause) ?? remedy
        if (!javascript || compiles()) throw cause
        if (globalThis.WebAssembly) console.warn(`guestpass/javascript is used, which is larger. ${advice}`)
        return (await javascript()).SessionManager
      }
    } catch (cause) {
      attempt = undefined
      const place = typeof source === 'string' || source instanceof URL ? ` from ${source}` : ''
      throw new GuestpassError(
        isNetworkError(cause, source) ? 'network' : 'load_failed',
        `the compiled session manager could not be loaded${place}. ${advice} (${cause})`,
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
    // The response of many servers of single-page apps for a file that does not exist.
    if (type?.startsWith('text/html')) throw new Error('the server sent HTML instead of the file')
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

/** Whether WebAssembly is there and allowed, found out with an empty module. */
function compiles(): boolean {
  try {
    return !!new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
  } catch {
    return false
  }
}

/** Advice for an error of which the cause is a policy. */
function policy(cause: unknown): string | undefined {
  if (/unsafe-eval|Content Security Policy|\bCSP\b/i.test(String(cause))) {
    return "The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src."
  }
  if (!globalThis.WebAssembly) {
    return 'Lockdown Mode or a policy of the browser forbids WebAssembly: use guestpass/javascript.'
  }
}

/** `fetch` rejects with a `TypeError` when the network fails, and also for a URL that it does not support. */
function isNetworkError(cause: unknown, source: unknown): boolean {
  const url = source ? parseUrl(source, globalThis.location?.href) : undefined
  return globalThis.navigator?.onLine === false || (cause instanceof TypeError && /^http/.test(url?.protocol ?? ''))
}
