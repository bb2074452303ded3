// The built package in a process of Node without WebAssembly.

import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { GuestServer } from './guest-server.js'

const run = promisify(execFile)
const program = fileURLToPath(new URL('programs/without-webassembly.mjs', import.meta.url))

test('without WebAssembly, guestpass uses the same code as JavaScript', { timeout: 60_000 }, async () => {
  await using server = await GuestServer.listen()
  const entries = ['index.node.js', 'index.javascript.js']

  const { stdout } = await run(process.execPath, ['--jitless', program, server.url, ...entries], { timeout: 50_000 })

  expect(JSON.parse(stdout)).toEqual({
    webAssembly: 'undefined',
    guests: {
      'index.node.js': ['anonymous_1', 'anonymous_1'],
      'index.javascript.js': [expect.any(String), expect.any(String)],
    },
  })
  expect(server.count('/anonymous-login')).toBe(2)
})
