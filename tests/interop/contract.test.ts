// Schemathesis: requests that are generated from /openapi.json.

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'

const SCHEMATHESIS_TIMEOUT = 600_000
const INTROSPECTION_SECRET = 'what-only-the-services-of-the-shop-know-0123456789'

test(
  'S11 valid and invalid requests that Schemathesis generates from the contract get responses of the contract, and no 5xx',
  async () => {
    // No rate limit: one client makes hundreds of guests.
    await using server = await Server.start([
      ...['--login-rate', 'off', '--refresh-rate', 'off'],
      ...['--introspection-secret', INTROSPECTION_SECRET],
    ])

    const { code, output } = await schemathesis('run', `${server.url}/openapi.json`)

    expect(code, output).toBe(0)
    // A run without any test would succeed, too.
    const { paths } = await (await fetch(`${server.url}/openapi.json`)).json()
    const operations = Object.values<object>(paths).flatMap(Object.keys).length
    expect(output).toContain(`Tested: ${operations}`)
    expect(output, 'the token endpoint saw good tokens').not.toContain('mostly rejected')
    const rotated = (await server.sessions()).filter(({ counter }) => counter > 0)
    expect(rotated.length).toBeGreaterThan(0)
    expect(server.stderr).not.toContain('ERROR')
  },
  SCHEMATHESIS_TIMEOUT,
)

/** Runs Schemathesis in its own folder, because it writes files into the working directory. */
async function schemathesis(...args: readonly string[]): Promise<{ code: number; output: string }> {
  const program = join(dirname(process.env.GUESTPASS_PYTHON ?? ''), 'schemathesis')
  const cwd = await mkdtemp(join(tmpdir(), 'guestpass-schemathesis-'))
  const env = { ...process.env, SCHEMATHESIS_HOOKS: here('schemathesis_hooks.py'), INTROSPECTION_SECRET }
  try {
    return await new Promise((resolve, reject) => {
      const config = ['--config-file', here('schemathesis.toml')]
      execFile(program, [...config, ...args, '--no-color'], { cwd, env }, (error, stdout, stderr) => {
        const code = error ? error.code : 0
        if (typeof code !== 'number') reject(error)
        else resolve({ code, output: stdout + stderr })
      })
    })
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}

function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
