import init, { initSync, WasmSession } from '../pkg/guestpass_sdk.js'
import { GuestpassError } from './errors.js'
import type { MachineClass } from './machine.js'
import type { SessionOptions, WasmSource } from './types.js'

let instantiated = false

/**
 * Makes the session manager out of what the option `wasm` says, or else of `usual`. Once it is there, the glue keeps it
 * and shares it among the entries of the package; a failure is not kept.
 *
 * @param usual - what this environment takes when nothing else was said.
 * @param remedy - what to do about a failure, for the error's message.
 * @param read - turns a source into one that can be instantiated, where that is not known to `fetch`.
 */
export async function instantiate(
  wasm: SessionOptions['wasm'],
  usual: WasmSource | (() => WasmSource),
  remedy: (cause: unknown) => string,
  read: (source: WasmSource) => WasmSource | Promise<WasmSource> = (source) => source,
): Promise<MachineClass> {
  if (instantiated) return WasmSession
  let source: WasmSource | undefined
  try {
    const from = wasm ?? usual
    const given = await (typeof from === 'function' ? from() : from)
    source = given
    // Compiles while the file arrives; where the server names a wrong MIME type, after it has arrived.
    await init({ module_or_path: read(given) })
  } catch (cause) {
    const place = typeof source === 'string' || source instanceof URL ? ` from ${source}` : ''
    throw new GuestpassError(
      'load_failed',
      `the compiled session manager could not be loaded${place}. ${csp(cause) ?? remedy(cause)} (${cause})`,
      { cause },
    )
  }
  instantiated = true
  return WasmSession
}

/** The same without waiting, which browsers forbid for modules of this size on their main thread. For tests. */
export function instantiateAtOnce(bytes: () => BufferSource): MachineClass {
  if (!instantiated) initSync({ module: bytes() })
  instantiated = true
  return WasmSession
}

function csp(cause: unknown): string | undefined {
  if (/unsafe-eval|Content Security Policy|\bCSP\b/i.test(String(cause))) {
    return "The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to script-src."
  }
}
