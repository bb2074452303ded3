import { defineConfig } from 'vite'
import { VitePWA } from 'vite-plugin-pwa'

export default defineConfig({
  plugins: [
    VitePWA({
      registerType: 'autoUpdate',
      manifest: { name: 'Guestpass offline', icons: [{ src: 'icon.svg', sizes: 'any', type: 'image/svg+xml' }] },
      workbox: {
        // The compiled code of Guestpass is a .wasm file. The plugin does not store such files unless they are named.
        globPatterns: ['**/*.{html,js,svg,wasm}'],
        // The same code for browsers without WebAssembly. Few visitors need it.
        globIgnores: ['**/guestpass_sdk_javascript-*.js'],
      },
    }),
  ],
})
