// docs/guides/your-data.md: the declarations of the guide are valid, and its two carts merge as the guide shows.

import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'

const guide = await readFile(new URL('../../docs/guides/your-data.md', import.meta.url), 'utf8')

test('the declarations of the guide are valid', async () => {
  const [, declarations = ''] = /^```toml\n(.*?)^```$/ms.exec(guide) ?? []

  await withFiles({ 'guestpass.toml': declarations, 'cart.schema.json': '{}' }, async (folder) => {
    const { stdout } = await promisify(execFile)(process.env.GUESTPASS_BIN ?? 'guestpass', [
      ...['collections', '--config', join(folder, 'guestpass.toml')],
    ])

    expect([...stdout.matchAll(/^\[collections\.(\w+)\]$/gm)].map(([, name]) => name)).toEqual([
      'cart',
      'favorites',
      'preferences',
      'searches',
    ])
  })
})

test('S8 the two carts of the guide merge as it shows', async () => {
  const rules = [...guide.matchAll(/`((?:merge|bounds) = \{[^`]+\})`/g)].map(([, rule]) => rule)
  expect(rules).toHaveLength(2)
  const carts = [...guide.matchAll(/^\| `([\w-]+)` +\|((?: *(?:`\{.*?\}`)? *\|){3})$/gm)].map(
    ([, key = '', cells = '']) => {
      const values = cells.split('|').map((cell) => cell.trim().replaceAll('`', ''))
      const [account, guest, merged] = values.map((value) => (value ? JSON.parse(value) : undefined))
      return { key, account, guest, merged }
    },
  )
  expect(carts).toHaveLength(4)

  await withFiles({ 'guestpass.toml': `[collections.cart]\n${rules.join('\n')}\n` }, async (folder) => {
    await using server = await Server.start(['--config', join(folder, 'guestpass.toml')])
    const post = async (path: string, body: unknown, token?: string) => {
      const headers = { 'Content-Type': 'application/json', ...(token && { Authorization: `Bearer ${token}` }) }
      const response = await fetch(server.url + path, { method: 'POST', headers, body: JSON.stringify(body) })
      expect(response.status).toBe(200)
      return (await response.json()) as { access_token: string; refresh_token: string }
    }
    const put = async (access: string, key: string, value: unknown) => {
      const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${access}` }
      const body = JSON.stringify(value)
      const response = await fetch(`${server.url}/me/cart/${key}`, { method: 'PUT', headers, body })
      expect(response.status).toBe(201)
    }
    const credentials = { email: 'ada@example.com', password: 'correct horse battery staple' }
    const account = await post('/anonymous-login', { refresh: true })
    for (const { key, account: value } of carts) if (value) await put(account.access_token, key, value)
    await post('/register', credentials, account.refresh_token)
    const guest = await post('/anonymous-login', { refresh: true })
    for (const { key, guest: value } of carts) if (value) await put(guest.access_token, key, value)

    const { access_token } = await post('/login', credentials, guest.refresh_token)

    const response = await fetch(`${server.url}/me/cart`, { headers: { Authorization: `Bearer ${access_token}` } })
    const { entries } = (await response.json()) as { entries: { key: string; value: unknown }[] }
    expect(Object.fromEntries(entries.map(({ key, value }) => [key, value]))).toEqual(
      Object.fromEntries(carts.map(({ key, merged }) => [key, merged])),
    )
  })
})

/** Writes files into a folder, and removes it afterwards. */
async function withFiles(files: Record<string, string>, use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'guestpass-guide-'))
  try {
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
    await use(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
