// What the registries show of the crates and of the npm package. Cargo.toml has the address of the repository, the version and
// the licence; GUESTPASS_UPDATE=1 writes them into npm/package.json.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, realpath, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))

interface Crate {
  readonly name: string
  readonly version: string
  readonly description: string | null
  readonly license: string | null
  readonly repository: string | null
  readonly readme: string | null
  readonly publish: readonly string[] | null
  readonly manifest_path: string
}

async function crates(): Promise<Crate[]> {
  const options = ['metadata', '--locked', '--no-deps', '--format-version', '1']
  const { stdout } = await run('cargo', options, { cwd: root, maxBuffer: 64 * 1024 * 1024 })
  return JSON.parse(stdout).packages
}

const published = (await crates()).filter(({ publish }) => publish === null)
const [first] = published
if (!first) throw new Error('no crate may be published')
const { version, license, repository } = first

test('the npm package names the repository, the version and the licence of Cargo.toml', async () => {
  const file = join(root, 'npm/package.json')
  const manifest = JSON.parse(await readFile(file, 'utf8'))
  const expected = {
    ...manifest,
    ...{ version, license, homepage: repository, bugs: `${repository}/issues` },
    repository: { type: 'git', url: `git+${repository}.git`, directory: 'npm' },
  }

  if (process.env.GUESTPASS_UPDATE === '1') await writeFile(file, `${JSON.stringify(expected, null, 2)}\n`)
  else expect(manifest).toEqual(expected)
})

test.each(published)('the crate $name says what it is, and contains its README and both licences', async (crate) => {
  const folder = dirname(crate.manifest_path)

  expect(crate).toMatchObject({ version, license, repository, readme: 'README.md' })
  expect(crate.description).toBeTruthy()
  expect(existsSync(join(folder, 'README.md'))).toBe(true)
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) {
    expect(await realpath(join(folder, name))).toBe(await realpath(join(root, name)))
  }
})
