// How the bundlers of edge runtimes hand out a .wasm file that is imported.

declare module '*.wasm' {
  const module: WebAssembly.Module
  export default module
}

declare module '*.wasm?module' {
  const module: WebAssembly.Module
  export default module
}
