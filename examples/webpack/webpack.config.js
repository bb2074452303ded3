import { fileURLToPath } from 'node:url'

export default {
  mode: 'production',
  entry: './main.js',
  output: { path: fileURLToPath(new URL('page/build', import.meta.url)) },
  // The page is written by hand and preloads the compiled code, so that the name of the file has no hash.
  module: { rules: [{ test: /guestpass_sdk_bg\.wasm$/, generator: { filename: '[name][ext]' } }] },
}
