// How the tests run and start the scripts of an example.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Child } from 'guestpass-e2e/harness/child.ts'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))

/** Runs a script of the package.json in a folder. */
export function npmRun(
  folder: string,
  script: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ stdout: string; stderr: string }> {
  return run('npm', ['run', script], { cwd: folder, env: { ...process.env, NO_COLOR: '1', ...env } })
}

/**
 * Starts what a script of the package.json in a folder starts, without npm and a shell: they would outlive a kill.
 * `ready` matches what the program prints when it is ready.
 */
export async function startScript(
  folder: string,
  script: string,
  options: {
    readonly args?: readonly string[]
    readonly env?: Readonly<Record<string, string>>
    readonly ready: RegExp
  },
): Promise<Child> {
  const { scripts } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'))
  const [program = '', ...words] = scripts[script].split(' ')
  const installed = [join(folder, 'node_modules/.bin', program), join(root, 'node_modules/.bin', program)]
  const { args = [], env = {}, ready } = options
  return Child.start({
    command: installed.find((path) => existsSync(path)) ?? program,
    args: [...words, ...args],
    cwd: folder,
    env: { NO_COLOR: '1', ...env },
    ready,
  })
}

/** A free port. The page has an address before it is served, because the server must allow its origin. */
export async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, 'close')
  return port
}
