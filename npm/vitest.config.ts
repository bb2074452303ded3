import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

// The newest React is that of the workspace; React 18 has a folder of its own. What imports React is transformed, so that
// it gets the one that is meant.
const react18 = (name: string) => fileURLToPath(new URL(`../tests/react-18/node_modules/${name}`, import.meta.url))

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'package', include: ['test/**/*.test.ts'] } },
      {
        resolve: { alias: { react: react18('react'), 'react-dom': react18('react-dom') } },
        test: {
          name: 'react-18',
          include: ['test/react*.test.ts'],
          env: { REACT: '18' },
          server: { deps: { inline: [/@tanstack\/react-query/] } },
        },
      },
    ],
  },
})
