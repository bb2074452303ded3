// The types of an imported .wasm file, as the bundlers of edge runtimes provide it.

declare module '*.wasm' {
  const module: WebAssembly.Module
  export default module
}

declare module '*.wasm?module' {
  const module: WebAssembly.Module
  export default module
}
