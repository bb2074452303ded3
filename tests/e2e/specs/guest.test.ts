// The life of a guest in one tab: first visit, reload, expired and refused tokens.

import { describe, expect, test } from 'vitest'
import { browsers, fixture } from '../harness/fixture.ts'

const LOGIN = 'POST /anonymous-login'
const REFRESH = 'POST /token'

describe.each(browsers)('in a browser $name', ({ page, locks }) => {
  test(
    'C19 the first visit makes one guest',
    fixture({ page }, async ({ server, visitor }) => {
      const shop = await visitor.open()

      const guest = await shop.waitUntilActive()
      expect(await shop.hasLocks()).toBe(locks)
      expect(await shop.me()).toBe(guest)
      await expect.poll(() => shop.shownGuest()).toBe(guest)
      expect(await server.guests()).toEqual([guest])
      expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])
    }),
  )

  test(
    'C19 a reload keeps the guest and the cart',
    fixture({ page }, async ({ server, visitor }) => {
      const shop = await visitor.open()
      const guest = await shop.waitUntilActive()
      await shop.add(1)
      await shop.waitForCart(1)

      await shop.tab.reload()

      expect(await shop.waitUntilOpen()).toBe(guest)
      await shop.waitForCart(1)
      expect(await shop.me()).toBe(guest)
      expect(await shop.requests(LOGIN)).toBe(0)
      expect(await server.guests()).toEqual([guest])
    }),
  )

  describe('when an access token lives for two seconds', () => {
    const flags = ['--access-ttl', '2s']

    test(
      'C10 C11 a token that expires while the page is open is renewed: the same guest, the same cart',
      fixture({ page, flags }, async ({ server, visitor }) => {
        const shop = await visitor.open()
        const guest = await shop.waitUntilActive()
        await shop.add(1)
        await shop.waitForCart(1)
        const { access_token } = await shop.credential()
        await expect.poll(() => server.statusOfAccess(access_token)).toBe(401)

        await shop.add(1)

        await shop.waitForCart(2)
        expect(await shop.me()).toBe(guest)
        expect(await shop.events()).not.toContainEqual(expect.objectContaining({ type: 'identity' }))
        expect(await server.guests()).toEqual([guest])
        expect((await server.sessions())[0]?.counter).toBeGreaterThan(0)
      }),
    )

    test(
      'C10 C11 a token that expires while the page is closed is renewed: the same guest, the same cart',
      fixture({ page, flags }, async ({ server, visitor }) => {
        const shop = await visitor.open()
        const guest = await shop.waitUntilActive()
        await shop.add(2)
        await shop.waitForCart(1)
        const { access_token } = await shop.credential()
        await shop.leave()
        await expect.poll(() => server.statusOfAccess(access_token)).toBe(401)

        await shop.tab.startLoading(visitor.url)

        expect(await shop.waitUntilOpen()).toBe(guest)
        await shop.waitForCart(1)
        expect(await shop.me()).toBe(guest)
        expect(await server.guests()).toEqual([guest])
        expect((await server.sessions())[0]?.counter).toBeGreaterThan(0)
      }),
    )
  })

  test(
    'C2 twenty concurrent requests with an expired token make exactly one refresh, and all succeed',
    fixture({ page }, async ({ server, visitor }) => {
      const shop = await visitor.open()
      await shop.expire()

      const statuses = await shop.burst('/items/?burst', 20)

      expect(statuses).toEqual(Array(20).fill(200))
      expect(await shop.requests('GET /items/?burst')).toBe(20)
      // The server responds to a repeated refresh with the same successor, so its counter does not show a second request.
      expect(await shop.requests(REFRESH)).toBe(1)
      expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
    }),
  )

  test(
    'C2 C3 twenty concurrent requests that are refused make exactly one refresh, and each is replayed once',
    fixture({ page }, async ({ server, visitor }) => {
      const shop = await visitor.open()
      // The server refuses access tokens for the former audience. The page does not know that yet.
      await server.restart('--audience', 'elsewhere')

      const statuses = await shop.burst('/items/?burst', 20)

      expect(statuses).toEqual(Array(20).fill(200))
      expect(await shop.requests('GET /items/?burst')).toBe(40)
      expect(await shop.requests(REFRESH)).toBe(1)
      expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
    }),
  )
})

test(
  'visitors with different browsers are different guests',
  fixture({}, async ({ server, visitor, another }) => {
    const one = await visitor.open()
    const other = await (await another()).open()

    const guests = [await one.waitUntilActive(), await other.waitUntilActive()]
    expect([await one.me(), await other.me()]).toEqual(guests)
    expect(await server.guests()).toEqual(guests)
  }),
)
