// scripts/setup on machines that lack something. The programs of the machines are fakes, the scripts are real.

import { expect, test } from 'vitest'
import { Machine, sysroot, withDebian, withRust } from './machine.ts'

test('an unknown part is refused with the list of parts', async () => {
  await using machine = await Machine.bare()
  const { code, output } = await machine.run('setup', ['rust', 'flux'])
  expect(code).toBe(1)
  expect(output).toMatch(/^error: setup knows no part 'flux'; there are: rust wasm npm/)
})

test('a crate and a program of wasm-bindgen that differ are refused', async () => {
  await using machine = await Machine.bare()
  await machine.edit('Cargo.lock', (text) => text.replace(/(?<=^name = "wasm-bindgen"\nversion = ).*/m, '"0.2.1"'))
  const { code, output } = await machine.run('setup', ['npm'])
  expect(code).toBe(1)
  expect(output).toContain('error: Cargo.lock must have wasm-bindgen')
})

test('the error says that Rust is missing and what to do', async () => {
  await using machine = await Machine.bare()
  const { code, output } = await machine.run('setup', ['rust'])
  expect(code).toBe(1)
  expect(output).toMatch(/^error: Rust is missing: install Rust 1\.\d+ or newer from https:\/\/rustup\.rs/)
})

test.each(['1.94.1', '1.9.0'])('Rust %s is too old', async (version) => {
  await using machine = await Machine.bare()
  await withRust(machine, version)
  const { code, output } = await machine.run('setup', ['rust'])
  expect(code).toBe(1)
  expect(output).toContain(`error: Rust ${version} is too old`)
  expect(output).toContain("run 'rustup update stable'")
})

test('the error says that Node.js is too old', async () => {
  await using machine = await Machine.bare()
  await machine.program('node', 'echo v18.20.4')
  await machine.program('npm')
  const { code, output } = await machine.run('setup', ['npm'])
  expect(code).toBe(1)
  expect(output).toContain('error: Node.js 18.20.4 is too old')
  expect(await machine.calls()).toEqual([])
})

test('npm packages are installed once, and again when the lock file changes', async () => {
  await using machine = await Machine.bare()
  await machine.program('node', 'echo v20.20.2')
  await machine.program('npm', 'log "$@"; mkdir -p node_modules')
  await machine.run('setup', ['npm'])
  const again = await machine.run('setup', ['npm'])
  expect(again).toMatchObject({ code: 0, output: '' })
  // The generators of API clients have packages of their own.
  const install = ['npm ci --no-audit', 'npm ci --prefix tests/interop/generators'].map((call) =>
    expect.stringContaining(call),
  )
  expect(await machine.calls()).toEqual(install)
  await machine.edit('package-lock.json', (text) => `${text}\n`)
  await machine.run('setup', ['npm'])
  expect(await machine.calls()).toEqual([...install, ...install])
})

test('for root, missing Debian packages are installed, with a line that says what and why', async () => {
  await using machine = await Machine.bare()
  await withDebian(machine)
  await machine.program('sqlite3')
  const { code, output } = await machine.run('setup', ['browsers'])
  expect(code).toBe(0)
  expect(output).toBe('setup: installing chromium chromium-driver with apt-get: the browser that the tests drive\n')
  expect(await machine.calls()).toEqual([
    'apt-get update',
    expect.stringMatching(/^apt-get install -y .* chromium chromium-driver$/),
  ])
})

test('the drivers of Firefox and WebKit are installed: one is compiled, one is a package', async () => {
  await using machine = await Machine.bare()
  await withRust(machine)
  await withDebian(machine)
  const { code } = await machine.run('setup', ['firefox', 'webkit'])
  expect(code).toBe(0)
  const installed = (await machine.calls()).filter((call) => call.includes('install '))
  expect(installed.toSorted()).toEqual([
    expect.stringMatching(/^apt-get install .* firefox-esr$/),
    expect.stringMatching(/^apt-get install .* webkit2gtk-driver xvfb$/),
    expect.stringMatching(/^cargo install geckodriver --version =\d/),
  ])
})

test('for a user without root and sudo, the error names the packages', async () => {
  await using machine = await Machine.bare()
  await withDebian(machine)
  await machine.program('id', 'echo 1000')
  const { code, output } = await machine.run('setup', ['browsers'])
  expect(code).toBe(1)
  expect(output).toContain('as root, run: apt-get install chromium chromium-driver\n')
  expect(await machine.calls()).toEqual([])
})

test('sudo is used when it needs no password', async () => {
  await using machine = await Machine.bare()
  await withDebian(machine)
  await machine.program('id', 'echo 1000')
  await machine.program('sudo', 'log "$1"; [ "$1" = -n ] || "$@"')
  const { code } = await machine.run('setup', ['browsers'])
  expect(code).toBe(0)
  expect(await machine.calls()).toContainEqual(expect.stringMatching(/^apt-get install .*chromium/))
})

test('without apt-get, the error names the packages', async () => {
  await using machine = await Machine.bare()
  const { code, output } = await machine.run('setup', ['browsers'])
  expect(code).toBe(1)
  expect(output).toContain("missing (by Debian's names): chromium chromium-driver; the browser that the tests drive.")
})

test('when an installation fails, the end of the log is shown and its path named', async () => {
  await using machine = await Machine.bare()
  await withDebian(machine)
  await machine.program('apt-get', '[ "$1" = update ] || { echo "E: no such package"; exit 100; }')
  const { code, lines } = await machine.run('setup', ['browsers'])
  expect(code).toBe(1)
  expect(lines.at(-2)).toBe('E: no such package')
  expect(lines.at(-1)).toMatch(/^error: apt failed; its whole output is in .*\/logs\/apt\.log$/)
})

test('rustup installs wasm32, the tools are compiled, and a second setup does nothing', async () => {
  await using machine = await Machine.bare()
  await withRust(machine)
  await machine.program('rustup', `log "$@"; ${sysroot('"$HOME/sysroot"')}`)
  const first = await machine.run('setup', ['wasm'])
  expect(first.code).toBe(0)
  expect(first.lines).toHaveLength(3)
  const calls = await machine.calls()
  expect(calls.filter((call) => call.startsWith('rustup '))).toEqual([
    'rustup target add wasm32-unknown-unknown',
    'rustup component add rust-src',
  ])
  expect(calls.filter((call) => call.startsWith('cargo install '))).toHaveLength(2)

  const second = await machine.run('setup', ['wasm'])
  expect(second).toMatchObject({ code: 0, output: '' })
  expect(await machine.calls()).toEqual(calls)
})

test('a part that is named twice is set up once', async () => {
  await using machine = await Machine.bare()
  await withRust(machine)
  await machine.program('rustup', sysroot('"$HOME/sysroot"'))
  const { code, output } = await machine.run('setup', ['wasm', 'rust', 'wasm'])
  expect(code).toBe(0)
  expect(output.match(/compiling wasm-pack/g)).toHaveLength(1)
})

test('a tool is compiled again when its version changes', async () => {
  await using machine = await Machine.bare()
  await withRust(machine)
  await machine.program('rustup', sysroot('"$HOME/sysroot"'))
  await machine.run('setup', ['wasm'])
  await machine.edit('scripts/versions.env', (text) =>
    text.replace(/^WASM_PACK_VERSION=.*/m, 'WASM_PACK_VERSION=9.9.9'),
  )
  const { output } = await machine.run('setup', ['wasm'])
  expect(output).toContain('setup: compiling wasm-pack 9.9.9')
  expect(output).not.toContain('wasm-bindgen')
})

test('when the registry lacks a version of the lock file, the tool is compiled without the lock file', async () => {
  await using machine = await Machine.bare()
  await withRust(machine)
  await machine.program('rustup', sysroot('"$HOME/sysroot"'))
  await machine.program('cargo', 'log "$@"; case $* in *--locked*) exit 101 ;; esac')
  const { code } = await machine.run('setup', ['wasm'])
  expect(code).toBe(0)
  const calls = await machine.calls()
  expect(calls.filter((call) => call.includes('install wasm-pack') && !call.includes('--locked'))).toHaveLength(1)
})

test("when rustup cannot download, Debian's Rust is used", async () => {
  await using machine = await Machine.bare()
  await withRust(machine)
  await withDebian(machine)
  await machine.program('rustup', 'echo "error: could not download"; exit 1')
  await machine.script('debian-wasm', sysroot('"$1"'))
  const { code, output } = await machine.run('setup', ['wasm'])
  expect(code).toBe(0)
  expect(output).toContain("setup: rustup cannot download the wasm32 target; using Debian's Rust instead")
  expect(await machine.calls()).toContainEqual(
    expect.stringMatching(/^apt-get install .* rustc-web cargo-web rust-web-src rust-web-llvm rust-web-clippy lld-22$/),
  )
  const second = await machine.run('setup', ['wasm'])
  expect(second).toMatchObject({ code: 0, output: '' })
})

test("with GUESTPASS_WASM_TOOLCHAIN=rustup, Debian's Rust is not used", async () => {
  await using machine = await Machine.bare()
  await withRust(machine)
  await withDebian(machine)
  await machine.program('rustup', 'echo "error: could not download"; exit 1')
  const { code, output } = await machine.run('setup', ['wasm'], { GUESTPASS_WASM_TOOLCHAIN: 'rustup' })
  expect(code).toBe(1)
  expect(output).toContain('error: could not download')
  expect(await machine.calls()).toEqual([])
})
