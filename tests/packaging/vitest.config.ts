import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['*.test.ts'],
    globalSetup: 'tarball.ts',
    maxWorkers: 1,
    fileParallelism: false,
    testTimeout: 180_000,
    expect: { poll: { timeout: 20_000, interval: 50 } },
  },
})
