// The output of scripts/test and scripts/demo: counts, progress and errors.

import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { Machine, withRust } from './machine.ts'

async function machineWhoseServerTests(script: string): Promise<Machine> {
  const machine = await Machine.bare()
  await withRust(machine)
  await machine.program('node', 'echo v20.20.2')
  await machine.program('npm', 'mkdir -p node_modules')
  await machine.program('cargo', script)
  for (const name of ['nginx', 'caddy', 'shellcheck']) await machine.program(name)
  return machine
}

test('the last line is the sum of the counts of all test runners', async () => {
  await using machine = await machineWhoseServerTests(`
    echo 'test result: ok. 34 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.17s'
    printf '\\033[2m      Tests \\033[22m \\033[32m6 passed\\033[39m | 2 skipped (8)\\n'`)
  const { code, lines } = await machine.run('test', ['server'])
  expect(code).toBe(0)
  expect(lines.at(-1)).toBe('40 passed, 0 failed, 3 skipped')
})

test('the summaries at the end name the browsers', async () => {
  await using machine = await machineWhoseServerTests(`
    echo 'engine: firefox'
    echo '      Tests  3 passed (3)'
    echo 'engine: webkit'
    echo '      Tests  4 passed (4)'`)
  const { lines } = await machine.run('test', ['server'])
  expect(lines.slice(-3)).toEqual([
    expect.stringMatching(/^server firefox +Tests 3 passed/),
    expect.stringMatching(/^server webkit +Tests 4 passed/),
    '7 passed, 0 failed',
  ])
})

test('a failed step ends the run; the error names the step and the command that runs it alone', async () => {
  await using machine = await machineWhoseServerTests(`
    case $* in *guestpass-server*) echo 'test result: FAILED. 3 passed; 2 failed; 0 ignored'; exit 101 ;; esac
    echo reached`)
  const { code, output, lines } = await machine.run('test', [], { ONLY: 'server format' })
  expect(code).toBe(1)
  expect(output).toContain("error: the step 'server' failed; to run this step alone: make test ONLY=server\n")
  expect(output).not.toContain('reached')
  expect(lines.at(-1)).toBe('3 passed, 2 failed')
})

test('a step without any test fails', async () => {
  await using machine = await machineWhoseServerTests("echo 'test result: ok. 0 passed; 0 failed; 0 ignored'")
  const { code, output } = await machine.run('test', ['server'])
  expect(code).toBe(1)
  expect(output).toContain("error: the step 'server' ran no test\n")
})

test('a step with ten passed tests does not count as one without tests', async () => {
  await using machine = await machineWhoseServerTests("echo 'test result: ok. 10 passed; 0 failed; 0 ignored'")
  const { code } = await machine.run('test', ['server'])
  expect(code).toBe(0)
})

test('a run starts with the time it will take, and each step with the time that is left', async () => {
  await using machine = await machineWhoseServerTests("echo 'test result: ok. 1 passed; 0 failed; 0 ignored'")
  const durations = '[core]=45 [server]=130'
  await machine.edit('scripts/test', (text) => text.replace(/\[core\]=\d+ \[server\]=\d+/, durations))

  const { code, output } = await machine.run('test', ['server', 'server'])

  expect(code).toBe(0)
  expect(output).toMatch(
    /^test: 2 steps, about 4 min on two cores with the tools installed; the first time about \d+ min more\n/,
  )
  expect(output).toContain('── [1/2] server (about 2 min, 4 min left)\n')
  expect(output).toContain('── [2/2] server (about 2 min, 2 min left)\n')
  expect(output).toMatch(/^server passed in \d+ s$/m)
})

test('an unknown step is refused with the list of steps', async () => {
  await using machine = await Machine.bare()
  const { code, output } = await machine.run('test', [], { ONLY: 'everything' })
  expect(code).toBe(1)
  expect(output).toMatch(/^error: there is no step 'everything'; there are: scripts .*interop/)
})

test('the demo fails before the build when its port is in use', async () => {
  await using machine = await Machine.bare()
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const { code, output } = await machine.run('demo', [], { PORT: String(port) })
  server.close()
  expect(code).toBe(1)
  expect(output).toBe(
    `error: something is listening on port ${port} already; take another one: make demo PORT=${port + 1}\n`,
  )
})

test.each(['0', '65536', 'http', '80 81'])('the demo refuses a port that is none: %s', async (port) => {
  await using machine = await Machine.bare()
  const { code, output } = await machine.run('demo', [], { PORT: port })
  expect(code).toBe(1)
  expect(output).toContain('error: PORT must be a number from 1 to 65535')
})
