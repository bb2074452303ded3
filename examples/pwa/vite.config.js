import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'

export default defineConfig({
  plugins: [
    VitePWA({
      registerType: 'autoUpdate',
      manifest: { name: 'Guestpass offline', icons: [{ src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' }] },
      // The compiled code of Guestpass is a .wasm file, which the plugin does not store unless it is named.
      workbox: { globPatterns: ['**/*.{html,js,svg,wasm}'] },
    }),
  ],
})
