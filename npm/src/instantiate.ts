import { finish, imports, WasmSession } from '../pkg/guestpass_sdk.js'
import { GuestpassError } from './errors.js'
import type { MachineClass } from './machine.js'
import type { SessionOptions, WasmSource } from './types.js'

let attempt: Promise<MachineClass> | undefined
let finished = false

/**
 * Makes the session manager out of what the option `wasm` says, or else of `usual`. All entries of the package share one
 * attempt, and what it leads to; a failure is not kept.
 *
 * @param usual - what this environment takes when nothing else was said.
 * @param remedy - what to do about a failure, for the error's message.
 * @param read - turns a source into one that can be instantiated, where that is not known to `fetch`.
 */
export function instantiate(
  wasm: SessionOptions['wasm'],
  usual: WasmSource | (() => WasmSource),
  remedy: string,
  read: (source: WasmSource) => WasmSource | Promise<WasmSource> = (source) => source,
): Promise<MachineClass> {
  const make = async () => {
    let source: WasmSource | undefined
    try {
      const from = wasm ?? usual
      const given = await (typeof from === 'function' ? from() : from)
      source = given
      finishOnce(await instanceOf(await read(given)))
      return WasmSession
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
export function instantiateAtOnce(bytes: () => BufferSource): MachineClass {
  if (!finished) finishOnce(new WebAssembly.Instance(new WebAssembly.Module(bytes()), imports()))
  attempt ??= Promise.resolve(WasmSession)
  return WasmSession
}

function finishOnce(instance: WebAssembly.Instance): void {
  if (!finished) finish(instance)
  finished = true
}

async function instanceOf(source: WasmSource): Promise<WebAssembly.Instance> {
  let from = typeof source === 'string' || source instanceof URL ? await fetch(source) : source
  if (from instanceof Response) {
    const type = from.headers.get('Content-Type')
    if (!from.ok) throw new Error(`HTTP ${from.status}`)
    // Compiles while the file arrives, which takes the exact MIME type.
    if (type === 'application/wasm') return (await WebAssembly.instantiateStreaming(from, imports())).instance
    console.warn(`guestpass: ${from.url} is served as ${type}; application/wasm would be faster`)
    from = await from.arrayBuffer()
  }
  const made = await WebAssembly.instantiate(from as BufferSource, imports())
  // Of a module, the instance itself.
  return (made.instance as WebAssembly.Instance | undefined) ?? (made as unknown as WebAssembly.Instance)
}

function csp(cause: unknown): string | undefined {
  if (/unsafe-eval|Content Security Policy|\bCSP\b/i.test(String(cause))) {
    return "The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src."
  }
}
