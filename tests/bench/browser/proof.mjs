// The time of a proof of work: the solver of the package, WebCrypto, and the library of ALTCHA, in Node and in Chromium.
//
//   node tests/bench/browser/proof.mjs [COST]
//
// Prints the mean of one attempt, and that of a proof, which has 256 attempts on average, in milliseconds. Each runs alone, on one
// thread. Needs the built package (scripts/build-npm).

import { once } from 'node:events'
import { createServer } from 'node:http'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { Chromium } from './chromium.mjs'

const COST = Number(process.argv[2] ?? 2000)
const ATTEMPTS = 400

const { outputFiles } = await build({
  stdin: {
    contents: `
      import { deriveKey } from 'altcha-lib/algorithms/web/pbkdf2'
      import { solveProof } from '../../npm/dist/solve-proof.js'
      import { solveProof as solveByWebCrypto } from '../../npm/dist/solve-proof.js?webcrypto'

      const parameters = {
        ...{ algorithm: 'PBKDF2/SHA-256', nonce: 'ab'.repeat(16), salt: 'cd'.repeat(16), cost: ${COST}, keyLength: 32 },
        // No key begins with it.
        keyPrefix: '00'.repeat(32),
      }

      async function attempts(solve) {
        const controller = new AbortController()
        const start = performance.now()
        let last = [0, start]
        const report = (count) => {
          last = [count, performance.now()]
          if (count >= ${ATTEMPTS}) controller.abort()
        }
        await solve(parameters, report, controller.signal).catch(() => {})
        return (last[1] - start) / last[0]
      }

      async function altcha() {
        const salt = new Uint8Array(16)
        const start = performance.now()
        for (let counter = 0; counter < ${ATTEMPTS}; counter++) {
          await deriveKey(parameters, salt, new Uint8Array(20).fill(counter))
        }
        return (performance.now() - start) / ${ATTEMPTS}
      }

      globalThis.measure = async () => {
        Object.defineProperty(crypto, 'subtle', { value: undefined, configurable: true })
        const compiled = await attempts(solveProof)
        delete crypto.subtle
        const { WebAssembly } = globalThis
        globalThis.WebAssembly = undefined
        const webCrypto = await attempts(solveByWebCrypto)
        globalThis.WebAssembly = WebAssembly
        return { 'guestpass (WebAssembly)': compiled, 'guestpass (WebCrypto)': webCrypto, 'altcha-lib': await altcha() }
      }`,
    resolveDir: fileURLToPath(new URL('../../interop', import.meta.url)),
  },
  bundle: true,
  format: 'esm',
  write: false,
  // The same module twice: with and without compiled code.
  plugins: [
    {
      name: 'query',
      setup: ({ onResolve }) =>
        onResolve({ filter: /\?webcrypto$/ }, async ({ path, resolveDir }) => ({
          path: fileURLToPath(new URL(path.replace(/\?.*/, ''), `file://${resolveDir}/`)),
          suffix: '?webcrypto',
        })),
    },
  ],
})
const script = outputFiles[0].text

await import(`data:text/javascript;base64,${Buffer.from(script).toString('base64')}`)
print('Node', await globalThis.measure())

const server = createServer((request, response) => {
  const isScript = request.url === '/script.js'
  response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
  response.end(isScript ? script : '<script type="module" src="/script.js"></script>')
}).listen(0, '127.0.0.1')
await once(server, 'listening')
const chromium = await Chromium.start()
try {
  const tab = await chromium.open(`http://127.0.0.1:${server.address().port}`)
  await tab.until('globalThis.measure')
  print('Chromium', await tab.run('return measure()'))
} finally {
  await chromium.stop()
  server.close()
}

function print(place, results) {
  for (const [name, milliseconds] of Object.entries(results)) {
    const [attempt, proof] = [milliseconds.toFixed(2), (milliseconds * 256).toFixed(0)]
    console.log(`${place.padEnd(10)}${name.padEnd(26)}${attempt.padStart(8)}${proof.padStart(8)}`)
  }
}
