// A fake machine on which tests run the scripts.

import { spawn } from 'node:child_process'
import { access, chmod, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The files that the scripts need, and the scripts. */
const TREE = [
  'scripts',
  'Cargo.toml',
  'Cargo.lock',
  'package.json',
  'package-lock.json',
  'tests/interop/requirements.txt',
  'tests/interop/generators/package-lock.json',
]

/** Programs that each Debian has. A test adds any other program to the PATH of the machine. */
const BASE = (
  'awk bash basename cat chmod cp cut date dirname env find flock grep head id ln mkdir mktemp mv realpath ' +
  'rm sed sh sha256sum sleep sort tail tee timeout touch tr xargs'
).split(' ')

/** A machine for the scripts: a clone of the project, an empty home, and only the programs that a test has added. */
export class Machine implements AsyncDisposable {
  readonly #folder: string

  static async bare(): Promise<Machine> {
    const machine = new Machine(await mkdtemp(join(tmpdir(), 'guestpass-setup-')))
    await mkdir(machine.#path('bin'))
    for (const name of BASE) await symlink(await found(name), machine.#path('bin', name))
    for (const path of TREE) await cp(join(ROOT, path), machine.#path('clone', path), { recursive: true })
    return machine
  }

  private constructor(folder: string) {
    this.#folder = folder
  }

  /** Adds or replaces a program. It is a shell script; with `log "$@"` it records a call. */
  async program(name: string, script = 'log "$@"'): Promise<void> {
    const log = `log() { echo "${name} $*" >>'${this.#path('calls')}'; }`
    await this.#write(this.#path('bin', name), `#!/bin/sh\n${log}\n${script}\n`)
  }

  /** Replaces one of the scripts of the project. */
  async script(name: string, script: string): Promise<void> {
    await this.#write(this.#path('clone', 'scripts', name), `#!/bin/sh\n${script}\n`)
  }

  async edit(path: string, change: (text: string) => string): Promise<void> {
    const file = this.#path('clone', path)
    await writeFile(file, change(await readFile(file, 'utf8')))
  }

  /** The calls that programs have recorded. */
  async calls(): Promise<string[]> {
    const text = await readFile(this.#path('calls'), 'utf8').catch(() => '')
    return text.split('\n').filter((line) => line !== '')
  }

  /** Runs one of the scripts of the project until it ends. */
  run(script: string, args: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Run> {
    const child = spawn(this.#path('clone', 'scripts', script), args, {
      env: { PATH: this.#path('bin'), HOME: this.#path('home'), GUESTPASS_TOOLS: this.#path('tools'), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code) => resolve({ code, output, lines: output.trimEnd().split('\n') }))
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }

  #path(...parts: readonly string[]): string {
    return join(this.#folder, ...parts)
  }

  async #write(path: string, text: string): Promise<void> {
    await rm(path, { force: true })
    await writeFile(path, text)
    await chmod(path, 0o755)
  }
}

/** The exit code and the output of a script, stdout and stderr together. */
export interface Run {
  readonly code: number | null
  readonly output: string
  readonly lines: readonly string[]
}

/** Adds a Rust without wasm32, whose `cargo install` works. */
export async function withRust(machine: Machine, version = '1.95.0'): Promise<void> {
  await machine.program('cc')
  await machine.program('rustc', `[ "$1" = --print ] && echo "$HOME/sysroot" || echo 'rustc ${version} (fake)'`)
  await machine.program(
    'cargo',
    `log "$@"
    while [ $# -gt 1 ]; do
      case $1 in install) name=$2 ;; --version) version=\${2#=} ;; --root) root=$2 ;; esac
      shift
    done
    mkdir -p "$root" && echo "\\"$name $version (fake)\\" = []" >"$root/.crates.toml"`,
  )
}

/** Shell commands that make a sysroot with everything that the SDK needs. */
export function sysroot(folder: string): string {
  return `mkdir -p ${folder}/lib/rustlib/wasm32-unknown-unknown/lib ${folder}/lib/rustlib/src/rust/library
    touch ${folder}/lib/rustlib/wasm32-unknown-unknown/lib/libstd-1.rlib ${folder}/lib/rustlib/src/rust/library/Cargo.toml`
}

/** Adds the package manager of Debian, and makes the user root. */
export async function withDebian(machine: Machine): Promise<void> {
  await machine.program('id', 'echo 0')
  await machine.program('dpkg-query', `[ -e "$HOME/$4" ] && echo installed || exit 1`)
  await machine.program('apt-cache', 'echo "  Depends: llvm-22"')
  await machine.program(
    'apt-get',
    `log "$@"
    mkdir -p "$HOME"
    for package in "$@"; do touch "$HOME/$package"; done`,
  )
}

async function found(name: string): Promise<string> {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, name)
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  throw new Error(`no ${name} on the PATH`)
}
