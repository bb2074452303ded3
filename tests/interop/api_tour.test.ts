// docs/api.md: the commands of the tour print what the tour shows.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'

const TOUR = new URL('../../docs/api.md', import.meta.url)
const END_OF_BLOCK = '\u001e'

test('the commands in docs/api.md print the responses that the page shows', async () => {
  await using server = await Server.start()
  const [[, serve] = [], ...blocks] = [...(await readFile(TOUR, 'utf8')).matchAll(/^```(sh|json)\n(.*?)^```$/gms)].map(
    ([, language, text = '']) => [language, text] as const,
  )
  expect(serve).toBe('guestpass serve\n')
  const commands = blocks.filter(([language]) => language === 'sh').map(([, text]) => text)
  // A JSON block after a block of commands is its output.
  const shown = blocks
    .flatMap(([language], index) => (language === 'sh' ? [blocks[index + 1]] : []))
    .map((next) => (next?.[0] === 'json' ? next[1] : undefined))

  const printed = await run(commands.map((text) => text.replaceAll('http://localhost:8000', server.url)))

  expect(printed).toHaveLength(commands.length)
  expect(shown.filter(Boolean).length).toBeGreaterThan(6)
  for (const [index, expected] of shown.entries()) {
    if (expected === undefined) expect(printed[index], commands[index]).toBe('')
    else expect(JSON.parse(printed[index] ?? ''), commands[index]).toEqual(loosened(JSON.parse(expected)))
  }
})

/** Runs blocks of commands in one shell, in an empty folder. Resolves with the output of each block. */
async function run(blocks: readonly string[]): Promise<string[]> {
  const cwd = await mkdtemp(join(tmpdir(), 'guestpass-tour-'))
  const script = blocks.map((block) => `${block}printf '${END_OF_BLOCK}'\n`).join('')
  try {
    const { stdout } = await promisify(execFile)('bash', ['-euo', 'pipefail', '-c', script], { cwd })
    return stdout.split(END_OF_BLOCK).slice(0, -1)
  } finally {
    await rm(cwd, { recursive: true, force: true })
  }
}

/** Replaces an ellipsis at the end of a text by a pattern for any text. */
function loosened(value: unknown): unknown {
  if (typeof value === 'string' && value.endsWith('…')) return expect.stringMatching(`^${value.slice(0, -1)}\\S+$`)
  if (Array.isArray(value)) return value.map(loosened)
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, loosened(member)]))
  return value
}
