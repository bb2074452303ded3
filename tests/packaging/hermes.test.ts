// guestpass/javascript in Hermes, the engine of React Native, which has no WebAssembly.

import { execFile } from 'node:child_process'
import { cp, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { work } from './tarball.ts'

const run = promisify(execFile)

// The package has programs for these platforms.
const FOLDERS: Readonly<Record<string, string>> = { 'linux-x64': 'linux64-bin', 'darwin-x64': 'osx-bin' }
const folder = FOLDERS[`${process.platform}-${process.arch}`]

test.runIf(folder)('a session works in Hermes', async () => {
  const hermes = join(createRequire(import.meta.url).resolve('hermes-engine-cli/package.json'), `../${folder}/hermes`)
  const source = join(work, 'hermes')
  await cp(fileURLToPath(new URL('pages/hermes', import.meta.url)), source, { recursive: true })
  const { outputFiles, warnings } = await build({
    ...{ entryPoints: [join(source, 'main.js')], bundle: true, format: 'iife', target: 'es2020', write: false },
  })
  // Hermes does not parse `import.meta`, which esbuild would replace with a warning.
  expect(warnings).toEqual([])
  // As the Babel preset of React Native does: Hermes has no classes.
  const options = { target: ts.ScriptTarget.ES5, module: ts.ModuleKind.None, downlevelIteration: true }
  const { outputText } = ts.transpileModule(outputFiles[0]?.text ?? '', { compilerOptions: options })
  await writeFile(join(source, 'bundle.js'), outputText)

  const { stdout } = await run(hermes, ['-w', '-Xmicrotask-queue', join(source, 'bundle.js')])

  expect(JSON.parse(stdout)).toMatchObject({
    ...{ wasm: 'undefined', name: 'tea, crème brûlée, 茶', status: 'active', id: 'anonymous_1' },
    ...{ restarted: 'anonymous_1', member: 'object' },
    requests: expect.arrayContaining([
      'POST /anonymous-login {"refresh":true}',
      'GET /items Bearer access-1',
      'POST /token grant_type=refresh_token&refresh_token=gpr_1',
      expect.stringContaining('POST /register Bearer gpr_2'),
      'POST /revoke token=gpr_3',
    ]),
  })
})
