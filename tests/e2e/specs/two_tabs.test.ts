// Two tabs that need a token at the same moment.

import { describe, expect, test } from 'vitest'
import { browsers, fixture } from '../harness/fixture.ts'
import type { Shop } from '../harness/shop.ts'

const LOGIN = 'POST /anonymous-login'
const REFRESH = 'POST /token'

describe.each(browsers)('in a browser $name', ({ page, locks }) => {
  test.for([1, 2, 3])(
    'C19 two tabs opened at the same moment have one guest (%i of 3)',
    fixture({ page }, async ({ server, visitor }) => {
      const [one, other] = await visitor.openTwo()

      const guest = await one.waitUntilActive()
      expect(await one.hasLocks()).toBe(locks)
      expect(await one.me()).toBe(guest)
      expect(await other.me()).toBe(guest)
      expect(await other.waitUntilActive()).toBe(guest)
      expect(await server.guests()).toEqual([guest])
      expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])

      await one.add(1)
      await one.waitForCart(1)
      await other.add(1)
      await other.waitForCart(2)
    }),
  )

  test(
    'C2 C7 two tabs with an expired token get one successor',
    fixture({ page }, async ({ server, visitor }) => {
      const shops = [await visitor.open(), await visitor.open()]
      server.pause()
      for (const shop of shops) {
        await shop.expire()
        await shop.startBurst('/items/', 10)
      }
      await allHaveAsked(shops, REFRESH, locks)
      server.resume()

      for (const shop of shops) expect(await shop.burstResult()).toEqual(Array(10).fill(200))
      expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
      for (const shop of shops) expect(await shop.requests(REFRESH)).toBeLessThanOrEqual(1)
    }),
  )

  test(
    'C8 C19 two tabs that need a guest at the same moment after a sign-out get one guest',
    fixture({ page }, async ({ server, visitor }) => {
      const shops = [await visitor.open(), await visitor.open()] as const
      const [one, other] = shops
      const guest = await one.waitUntilActive()
      await one.tab.click('sign-out')
      await one.waitForStatus('signed_out')
      await other.waitForStatus('signed_out')
      for (const shop of shops) await shop.forgetRequests()

      server.pause()
      for (const shop of shops) await shop.startBurst('/me', 1)
      await allHaveAsked(shops, LOGIN, locks)
      server.resume()

      for (const shop of shops) expect(await shop.burstResult()).toEqual([200])
      const fresh = await one.waitUntilActive()
      expect(await other.waitUntilActive()).toBe(fresh)
      expect(await server.guests()).toEqual([guest, fresh])
      for (const shop of shops) expect(await shop.requests(LOGIN)).toBeLessThanOrEqual(1)
    }),
  )
})

/**
 * Waits, while the server is paused, until both tabs have tried to get a token. With locks, one tab has sent a request and the
 * other waits for the lock. Without locks, both have sent a request.
 *
 * The second tab may still send a request when it gets the lock: Chromium may show it a storage that is a moment old. The server
 * then sends the same response to both.
 */
async function allHaveAsked(shops: readonly Shop[], request: string, locks: boolean): Promise<void> {
  const sent = async () => {
    let sum = 0
    for (const shop of shops) sum += await shop.requests(request)
    return sum
  }
  if (locks) await expect.poll(() => shops[0]?.waitingForLocks()).toBe(1)
  await expect.poll(sent).toBe(locks ? 1 : 2)
}
