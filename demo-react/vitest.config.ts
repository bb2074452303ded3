import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'jsdom',
    // Node loads the package, as in an app that has installed it, so `vi.resetModules` does not reload it.
    server: { deps: { external: [/\/npm\/(dist|pkg)\//] } },
  },
})
