import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['*.test.ts'],
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 60_000,
    expect: { poll: { timeout: 20_000, interval: 50 } },
    // The built package is loaded by Node itself, as it is for its users.
    server: { deps: { external: [/\/npm\/(dist|pkg)\//] } },
  },
})
