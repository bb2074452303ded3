import react from '@vitejs/plugin-react'
import { guestpass } from 'guestpass/vite'
import { defineConfig, type Plugin } from 'vite'

// `vite dev` serves the page, and a server started with `guestpass serve` on its default port serves the data.
// In production both come from one origin (`guestpass serve --static demo-react/dist`). The collections of the demo's own, for
// searches and notes, need `--config server/demo/guestpass.toml`.
const API = '^/(anonymous-login|token|revoke|items|public-data|me|register|login|link|demo|\\.well-known)(/|\\?|$)'

export default defineConfig({
  plugins: [react(), preloadFont('figtree-latin-wght-normal'), guestpass({ earlyLogin: true })],
  server: { proxy: { [API]: 'http://127.0.0.1:8000' } },
})

/** Preloads a font before the style sheet is loaded, so that the text does not move when the font arrives. */
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
