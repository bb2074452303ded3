/**
 * The address of the compiled code, as bundlers return it for an imported file: esbuild, tsup and Angular with the loader
 * `file`, Bun, and webpack with `asset/resource`. Pass it to `createSession` as the option `wasm`.
 */
declare const address: string
export default address
