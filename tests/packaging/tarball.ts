// The npm package as npm packs it, and copies of examples and pages that use it.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, rename, rm, symlink } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** The folder of all copies. It is inside the workspace, so that the copies find the packages that are installed there. */
export const work = fileURLToPath(new URL('.work/', import.meta.url))

export const tarball = join(work, 'guestpass.tgz')

/** The unpacked tarball. Code in `work` finds it as `guestpass`. */
export const packed = join(work, 'node_modules/guestpass')

/** Packs what `scripts/build-npm` has built. vitest runs this before all tests. */
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

/** A fresh copy of one of the `examples`. Its packages are those of the workspace, except for `guestpass`. */
export async function example(name: string): Promise<string> {
  const source = fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
  const folder = await copy(source, name)
  const installed = join(source, 'node_modules')
  if (existsSync(installed)) await symlink(installed, join(folder, 'node_modules'))
  return folder
}

/** A fresh copy of an example or of one of the `pages` that has no bundler, with the files of the package in it. */
export async function pageWithoutBundler(source: string): Promise<string> {
  const folder = await copy(fileURLToPath(new URL(source, import.meta.url)), basename(source))
  const to = join(folder, 'node_modules/guestpass')
  for (const part of ['dist', 'pkg']) await cp(join(packed, part), join(to, part), { recursive: true })
  return folder
}

async function copy(source: string, name: string): Promise<string> {
  const folder = join(work, name)
  await rm(folder, { recursive: true, force: true })
  // Without what a developer has installed or built in place.
  const filter = (path: string) => !/^(node_modules|dist|build|\.angular|\.next|\.react-router)$/.test(basename(path))
  await cp(source, folder, { recursive: true, filter })
  return folder
}
