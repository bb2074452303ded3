import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['specs/**/*.test.ts'],
    // One browser and one server at a time: the tests are about timing, and the machine may be small.
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 90_000,
    expect: { poll: { timeout: 20_000, interval: 50 } },
  },
})
