// The reference of the npm package: TypeDoc makes it from the comments in npm/src.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { root } from './markdown.ts'

const run = promisify(execFile)
const typedoc = join(createRequire(import.meta.url).resolve('typedoc'), '../../bin/typedoc')

test('TypeDoc makes the reference of each entry of the package without a warning', async () => {
  const out = await mkdtemp(join(tmpdir(), 'guestpass-reference-'))
  const { stdout, stderr } = await run(
    process.execPath,
    [typedoc, '--options', join(root, 'npm/typedoc.json'), '--out', out],
    {
      cwd: join(root, 'npm'),
      env: { ...process.env, NO_COLOR: '1' },
    },
  ).catch((error) => error)

  expect(`${stdout}${stderr}`).not.toMatch(/warning|error/i)
  const index = await readFile(join(out, 'modules.html'), 'utf8')
  for (const entry of ['guestpass', 'axios', 'inline', 'react', 'streams', 'testing']) expect(index).toContain(entry)
  await rm(out, { recursive: true })
})
