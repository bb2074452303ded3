// The code in the guides and READMEs: it type-checks with the built package, and the tests in it pass.

import { execFile } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { globSync } from 'tinyglobby'
import { expect, test } from 'vitest'
import { read, root, structureOf } from './markdown.ts'

const run = promisify(execFile)
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')
// Inside this folder, so that imports find the installed packages.
const work = fileURLToPath(new URL('.work/', import.meta.url))

/** Names that the text around the blocks introduces. */
const INTRODUCED = `
import type { AxiosStatic } from 'axios'
import type { Session } from 'guestpass'
declare global {
  const session: Session
  const axios: AxiosStatic
  const email: string
  const password: string
  const idToken: string
  const nonce: string
}
`

const COMPILER_OPTIONS = {
  ...{ target: 'ES2022', lib: ['ES2023', 'DOM', 'DOM.Iterable'], types: ['node'], jsx: 'react-jsx' },
  ...{ module: 'ESNext', moduleResolution: 'bundler', moduleDetection: 'force' },
  ...{ strict: true, noEmit: true, skipLibCheck: true, exactOptionalPropertyTypes: true },
}

const files = [
  ...['README.md', 'README.zh-CN.md', 'npm/README.md'],
  ...globSync(['docs/**/*.md', 'npm/src/**/*.ts'], { cwd: root }),
]

/** The Markdown of a file, or of the doc comments of a module. */
function markdownOf(file: string): string {
  return file.endsWith('.ts') ? read(file).replace(/^ \* ?/gm, '') : read(file)
}

test('the code in the guides type-checks', async () => {
  await rm(work, { recursive: true, force: true })
  await mkdir(work)
  const snippets: string[] = []
  for (const file of files) {
    const blocks = structureOf(markdownOf(file)).blocks.filter(({ language }) => /^tsx?$/.test(language))
    for (const [index, { language, code }] of blocks.entries()) {
      const snippet = `${file.replace(/\W/g, '_')}_${index + 1}.${language}`
      await writeFile(join(work, snippet), code)
      snippets.push(snippet)
    }
  }
  expect(snippets.length).toBeGreaterThan(20)
  await writeFile(join(work, 'introduced.d.ts'), INTRODUCED)
  await writeFile(
    join(work, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: COMPILER_OPTIONS, files: ['introduced.d.ts', ...snippets] }),
  )

  const { stdout } = await run(process.execPath, [tsc, '-p', work], { cwd: work }).catch((error) => error)

  expect(stdout).toBe('')
  await rm(work, { recursive: true })
})

test('the tests in the guide to testing pass', async () => {
  await rm(work, { recursive: true, force: true })
  await mkdir(work)
  const blocks = structureOf(read('docs/guides/testing.md')).blocks.filter(({ code }) => /^test\(/m.test(code))
  for (const [index, { code }] of blocks.entries()) await writeFile(join(work, `${index + 1}.test.ts`), code)
  const vitest = join(createRequire(import.meta.url).resolve('vitest/package.json'), '../vitest.mjs')

  const { stdout } = await run(process.execPath, [vitest, 'run', '--root', work], {
    env: { ...process.env, NO_COLOR: '1' },
  }).catch((error) => error)

  expect(stdout).toMatch(new RegExp(`Tests {2}${blocks.length} passed`))
  expect(blocks.length).toBeGreaterThan(3)
  await rm(work, { recursive: true })
})

test('all blocks are TypeScript, because JavaScript is not checked', () => {
  const unchecked = files.filter((file) =>
    structureOf(read(file)).blocks.some(({ language }) => /^jsx?$/.test(language)),
  )

  expect(unchecked).toEqual([])
})
