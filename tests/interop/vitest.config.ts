import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['*.test.ts'],
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 60_000,
    expect: { poll: { timeout: 20_000, interval: 50 } },
    // Node loads the built package without Vite, as in an app.
    server: { deps: { external: [/\/npm\/(dist|pkg)\//] } },
  },
})
