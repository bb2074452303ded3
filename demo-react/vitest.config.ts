import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    environment: 'jsdom',
    // The package is loaded by Node itself, as it is where it is installed: `vi.resetModules` leaves it alone.
    server: { deps: { external: [/\/npm\/(dist|pkg)\//] } },
  },
})
