// Hand-written axios interceptors work with this server.

import { describe, expect, test } from 'vitest'
import { inBrowser, inNode } from './classic_clients.ts'

describe.each([
  { where: 'in Node', run: inNode },
  { where: 'in a page of another origin', run: inBrowser },
])('a classic axios client $where', ({ run }) => {
  test('needs no token for public data', () =>
    run([], async (client, server) => {
      expect(await client.get('/public-data')).toMatchObject({ status: 200 })

      expect(await client.token()).toBeNull()
      expect(await server.guests()).toEqual([])
    }))

  test('logs in once after the first 401, replays the request, and keeps its guest', () =>
    run([], async (client, server) => {
      const items = await client.get('/items/')

      expect(items).toMatchObject({
        status: 200,
        data: { items: expect.arrayContaining([expect.objectContaining({ id: 1 })]) },
      })
      expect(await client.post('/me/cart/1', { add: { quantity: 2 } })).toMatchObject({ status: 201 })
      expect(await client.get('/me/cart')).toMatchObject({ data: { entries: [{ key: '1', value: { quantity: 2 } }] } })
      expect(await server.guests()).toHaveLength(1)
    }))

  test('may send its form of an empty body when it logs in', () =>
    run([], async (client) => {
      for (const body of [undefined, null, {}]) {
        const login = await client.post('/anonymous-login', body)
        expect(login).toMatchObject({ status: 200, data: { access_token: expect.any(String), token_type: 'bearer' } })
        expect(login.data).not.toHaveProperty('refresh_token')
      }
    }))

  test('logs in again as another guest when its token has expired', () =>
    run(['--guest-token-ttl', '2s'], async (client, server) => {
      const before = await client.get('/me')
      const token = (await client.token()) ?? ''
      await expect.poll(() => server.statusOfAccess(token)).toBe(401)

      const after = await client.get('/me')

      expect(after.status).toBe(200)
      expect(after.data).not.toMatchObject({ id: (before.data as { id: string }).id })
      expect(await client.token()).not.toBe(token)
      expect(await server.guests()).toHaveLength(2)
    }))

  test('logs in again when its token was revoked', () =>
    run([], async (client, server) => {
      await client.get('/items/')
      const token = (await client.token()) ?? ''
      await server.revoke(token)
      expect(await server.statusOfAccess(token)).toBe(401)

      expect(await client.get('/items/')).toMatchObject({ status: 200 })
      expect(await client.token()).not.toBe(token)
      expect(await server.guests()).toHaveLength(2)
    }))
})
