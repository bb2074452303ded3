import react from '@vitejs/plugin-react'
import { defineConfig, type Plugin } from 'vite'

// `vite dev` serves the page, and a server started with `guestpass serve` on its default port serves the data.
// In production both come from one origin (`guestpass serve --static demo-react/dist`).
const API = '^/(anonymous-login|token|revoke|items|public-data|me|register|login|link|demo|\\.well-known)(/|\\?|$)'

export default defineConfig({
  plugins: [react(), preloadFont('figtree-latin-wght-normal')],
  server: { proxy: { [API]: 'http://127.0.0.1:8000' } },
  // The package finds its .wasm file relative to its own module, which pre-bundling would move.
  optimizeDeps: { exclude: ['guestpass'] },
})

/** Asks for a font before the styles that name it have arrived, so that no text moves when it does. */
function preloadFont(name: string): Plugin {
  return {
    name: 'preload-font',
    transformIndexHtml(_html, { bundle }) {
      const files = Object.keys(bundle ?? {}).filter((file) => file.includes(name))
      return files.map((file) => ({
        tag: 'link',
        attrs: { rel: 'preload', as: 'font', type: 'font/woff2', crossorigin: '', href: `/${file}` },
        injectTo: 'head-prepend',
      }))
    },
  }
}
