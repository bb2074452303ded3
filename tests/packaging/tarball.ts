import { execFile } from 'node:child_process'
import { cp, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Where apps are built: below the workspace, so that they find its tools, with the package as it was packed. */
export const work = fileURLToPath(new URL('.work/', import.meta.url))

export const tarball = join(work, 'guestpass.tgz')

/** The unpacked tarball, where whoever is in `work` finds it as `guestpass`. */
export const packed = join(work, 'node_modules/guestpass')

/** Before all tests: packs what `scripts/build-npm` has built. */
export async function setup(): Promise<void> {
  await rm(work, { recursive: true, force: true })
  await mkdir(packed, { recursive: true })
  const npm = fileURLToPath(new URL('../../npm/', import.meta.url))
  await run('npm', ['pack', '--pack-destination', work], { cwd: npm })
  const [file] = (await readdir(work)).filter((name) => name.endsWith('.tgz'))
  if (!file) throw new Error('npm pack left no tarball')
  await rename(join(work, file), tarball)
  await run('tar', ['--extract', '--strip-components=1', `--file=${tarball}`, `--directory=${packed}`])
}

/** A fresh copy of one of the `apps`. */
export async function app(name: string): Promise<string> {
  const folder = join(work, name)
  await rm(folder, { recursive: true, force: true })
  await cp(fileURLToPath(new URL(`apps/${name}/`, import.meta.url)), folder, { recursive: true })
  return folder
}
