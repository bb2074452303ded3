import { guestpass } from 'guestpass/vite'
import { defineConfig } from 'vite'

// In development, Vite serves the page and forwards the requests for the API, so that both have one origin.
const api = process.env.API ?? 'http://127.0.0.1:8000'

export default defineConfig({
  plugins: [guestpass({ earlyLogin: true })],
  server: { proxy: { '/anonymous-login': api, '/token': api, '/revoke': api, '/me': api } },
})
