// The output of `npm run build`, run in separate processes like an installed package.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { GuestServer } from './guest-server.js'

const run = promisify(execFile)

/** Runs a program and returns its output. Kills a program that does not end, which fails the test. */
async function outputOf(program: string, ...args: string[]): Promise<string> {
  const file = fileURLToPath(new URL(`programs/${program}`, import.meta.url))
  const { stdout } = await run(process.execPath, [file, ...args], { timeout: 20_000 })
  return stdout.trim()
}

test('C15: importing the entries and creating a session has no side effects', { timeout: 30_000 }, async () => {
  const { onImport, added, onUse } = JSON.parse(await outputOf('imports.mjs'))

  expect({ onImport, added }).toEqual({ onImport: [], added: [] })
  expect(onUse).toContain('instantiate')
})

test('an open session does not keep a Node process alive', { timeout: 30_000 }, async () => {
  await using server = await GuestServer.listen()

  expect(JSON.parse(await outputOf('fetch-once.mjs', server.url))).toEqual({ visitor: 'anonymous_1' })
})

test.each([
  ['index.node', import('../src/index.node.js')],
  ['index.inline', import('../src/index.inline.js')],
])('%s exports the same names as the entry for browsers', async (_name, entry) => {
  const browser = await import('../src/index.js')

  expect(Object.keys(await entry)).toEqual(Object.keys(browser))
})
