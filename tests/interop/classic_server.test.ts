// The SDK works with an API that has a login and JSON Web Tokens only: no refresh, no `expires_in`.

import { describe, expect, test } from 'vitest'
import { inBrowser, inNode } from './sdk_clients.ts'

const LOGIN = 'POST /anonymous-login 200'
const SERVED = 'GET /items/ 200'
const REFUSED = 'GET /items/ 401'

describe.each([
  { where: 'in Node', run: inNode },
  { where: 'in a page of another origin', run: inBrowser },
])('the SDK $where, with a server that knows neither refresh nor expires_in', ({ run }) => {
  test('acquires a token once and attaches it to each request', () =>
    run(3600, async (client, server) => {
      expect(await client.get('/items/')).toEqual([200])
      const id = await client.visitor()

      await expect.poll(() => server.requests).toEqual([LOGIN, SERVED, SERVED])
      expect(await client.snapshot()).toMatchObject({ status: 'active', id, expiresAt: null })
    }))

  test('C19 acquires once for twenty concurrent requests', () =>
    run(3600, async (client, server) => {
      expect(await client.get('/items/', 20)).toEqual(Array(20).fill(200))

      await expect.poll(() => server.requests).toEqual([LOGIN, ...Array(20).fill(SERVED)])
    }))

  test('C3 C10 acquires again after a 401, replays once, and reports that the guest is another one', () =>
    run(2, async (client, server) => {
      const oldId = await client.visitor()
      await server.refuses(await client.token())
      const before = server.requests.length

      const newId = await client.visitor()

      await expect.poll(() => server.requests.slice(before)).toEqual([REFUSED, LOGIN, SERVED])
      expect(newId).not.toBe(oldId)
      expect(await client.events()).toContainEqual({
        type: 'identity',
        at: expect.any(Number),
        oldId,
        newId,
        reason: 'unauthorized',
      })
    }))

  test('C2 acquires once for twenty concurrent requests that are refused', () =>
    run(2, async (client, server) => {
      expect(await client.get('/items/')).toEqual([200])
      await server.refuses(await client.token())
      const before = server.requests.length

      expect(await client.get('/items/', 20)).toEqual(Array(20).fill(200))

      await expect.poll(() => server.requests.length - before).toBe(41)
      const since = server.requests.slice(before)
      expect(since.filter((request) => request === LOGIN)).toHaveLength(1)
      expect(since.filter((request) => request === REFUSED)).toHaveLength(20)
    }))

  test('C3 returns the second 401 of a request to the caller, after exactly one replay', () =>
    run(0, async (client, server) => {
      expect(await client.get('/items/')).toEqual([401])

      await expect.poll(() => server.requests).toEqual([LOGIN, REFUSED, LOGIN, REFUSED])
    }))
})
