import { defineConfig } from 'vitest/config'

/**
 * Specs that run in Chromium only. They test the markup of the demo, and the demonstration of faults that the other specs test
 * in every browser.
 */
const ONLY_IN_CHROMIUM = ['specs/accessibility.test.ts', 'specs/lab.test.ts']

export default defineConfig({
  test: {
    include: ['specs/**/*.test.ts'],
    exclude: (process.env.ENGINE ?? 'chromium') === 'chromium' ? [] : ONLY_IN_CHROMIUM,
    // One browser and one server at a time: the tests are about timing, and the machine may be small.
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 90_000,
    expect: { poll: { timeout: 20_000, interval: 50 } },
  },
})
