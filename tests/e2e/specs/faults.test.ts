// Token requests that fail on the network or at the server.

import { describe, expect, test } from 'vitest'
import type { ProxiedRequest } from '../harness/fault_proxy.ts'
import {
  captivePortal,
  captiveRedirect,
  cutShort,
  Hold,
  limitedForSeconds,
  limitedUntilDate,
  lost,
  RETRY_AFTER,
  reset,
  truncated,
  unavailable,
} from '../harness/faults.ts'
import { faultyFixture } from '../harness/fixture.ts'
import type { Shop } from '../harness/shop.ts'

const LOGIN = 'POST /anonymous-login'
const REFRESH = 'POST /token'

/** For each fault: the error code that the page gets, and the least pause before the next request, in milliseconds. */
const faults = [
  { fault: lost, code: 'network', pause: 0 },
  // Some engines (WebKitGTK 2.50) treat the part that has arrived as a complete response.
  { fault: cutShort, code: expect.stringMatching(/^(network|unavailable)$/), pause: 0 },
  { fault: truncated, code: 'unavailable', pause: 0 },
  { fault: reset, code: 'network', pause: 0 },
  { fault: unavailable, code: 'unavailable', pause: 0 },
  { fault: limitedForSeconds, code: 'unavailable', pause: RETRY_AFTER },
  { fault: limitedUntilDate, code: 'unavailable', pause: RETRY_AFTER },
  { fault: captivePortal, code: 'unavailable', pause: 0 },
  { fault: captiveRedirect, code: 'network', pause: 0 },
].map((row) => [row.fault.name, row] as const)

describe('C2 C9 C10 while a refresh fails, requests wait and the page shows the error; afterwards all succeed, with the same guest and cart', () => {
  test.for(faults)('%s', ([, { fault, code, pause }]) =>
    faultyFixture({}, async ({ server, visitor, proxy }) => {
      const shop = await visitor.open()
      const guest = await shop.waitUntilActive()
      await shop.add(1)
      await shop.waitForCart(1)

      proxy.inject(REFRESH, fault)
      await shop.expire()
      await shop.startBurst('/items/', 20)
      await showsError(shop, code)
      expect(await shop.snapshot()).toMatchObject({ id: guest })
      proxy.removeFaults()

      expect(await shop.burstResult()).toEqual(Array(20).fill(200))
      expect(await shop.waitUntilActive()).toBe(guest)
      expect(await shop.me()).toBe(guest)
      await shop.waitForCart(1)
      await expect.poll(() => shop.tab.text('error-banner')).toBeNull()
      expect(await shop.events()).not.toContainEqual(expect.objectContaining({ type: 'identity' }))
      expect(await server.guests()).toEqual([guest])
      expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
      expect(gaps(proxy.requestsOf(REFRESH)).filter((gap) => gap < pause)).toEqual([])
      // All but the last refresh request have failed.
      expect(proxy.requestsOf(REFRESH).filter(({ fault }) => !fault)).toHaveLength(1)
      expect(await shop.requests(REFRESH)).toBe(proxy.requestsOf(REFRESH).length)
    })(),
  )
})

describe('C9 C19 while the first login fails, requests wait and the page shows the error; afterwards all succeed, with one guest', () => {
  test.for(faults)('%s', ([, { fault, code, pause }]) =>
    faultyFixture({}, async ({ server, visitor, proxy }) => {
      proxy.inject(LOGIN, fault)
      const shop = await visitor.openWithoutGuest()
      await shop.startBurst('/items/', 20)
      await showsError(shop, code)
      expect(await shop.snapshot()).toMatchObject({ id: null })
      proxy.removeFaults()

      expect(await shop.burstResult()).toEqual(Array(20).fill(200))
      const guest = await shop.waitUntilOpen()
      expect(await shop.me()).toBe(guest)
      await expect.poll(() => shop.tab.text('error-banner')).toBeNull()
      await shop.add(1)
      await shop.waitForCart(1)
      expect(await server.guests()).toEqual([guest])
      expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])
      expect(gaps(proxy.requestsOf(LOGIN)).filter((gap) => gap < pause)).toEqual([])
      expect(proxy.requestsOf(LOGIN).filter(({ fault }) => !fault)).toHaveLength(1)
      expect(await shop.requests(LOGIN)).toBe(proxy.requestsOf(LOGIN).length)
    })(),
  )
})

test(
  'C2 all requests wait for a slow refresh, and it is not repeated',
  faultyFixture({}, async ({ server, visitor, proxy }) => {
    const shop = await visitor.open()
    const guest = await shop.waitUntilActive()
    const hold = new Hold()
    proxy.inject(REFRESH, hold)
    await shop.expire()
    await shop.startBurst('/items/', 20)
    await expect.poll(() => proxy.requestsOf(REFRESH).length).toBe(1)
    await shop.waitForStatus('refreshing')

    hold.release()

    expect(await shop.burstResult()).toEqual(Array(20).fill(200))
    expect(await shop.me()).toBe(guest)
    expect(await shop.requests('GET /items/')).toBeGreaterThanOrEqual(20)
    expect(proxy.requestsOf(REFRESH)).toHaveLength(1)
    expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
  }),
)

test(
  'C4 C9 a refresh without a response times out and is repeated; a late response to the first request changes nothing',
  faultyFixture({}, async ({ server, visitor, proxy }) => {
    const shop = await visitor.open()
    const guest = await shop.waitUntilActive()
    const hold = new Hold()
    proxy.inject(REFRESH, hold, 1)
    await shop.expire()

    // The session waits twenty seconds for a response.
    expect(await shop.burst('/items/', 20)).toEqual(Array(20).fill(200))

    expect(await shop.waitForEvent('retrying')).toMatchObject({ code: 'timeout' })
    hold.release()
    await expect.poll(() => proxy.requestsOf(REFRESH).map(({ status }) => status)).toEqual([200, 200])
    expect(await shop.me()).toBe(guest)
    expect(await server.guests()).toEqual([guest])
    expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
  }),
)

test(
  'C9 C10 the response to a refresh is lost and the visitor reloads: the same guest, the same cart',
  faultyFixture({}, async ({ server, visitor, proxy }) => {
    const shop = await visitor.open()
    const guest = await shop.waitUntilActive()
    await shop.add(1)
    await shop.waitForCart(1)
    proxy.inject(REFRESH, lost)
    await shop.expire()
    await shop.startBurst('/items/', 1)
    await expect.poll(() => proxy.requestsOf(REFRESH).map(({ status }) => status)).toContain(200)
    await shop.leave()
    proxy.removeFaults()

    await shop.tab.startLoading(visitor.url)

    expect(await shop.waitUntilOpen()).toBe(guest)
    await shop.expire()
    expect(await shop.me()).toBe(guest)
    await shop.waitForCart(1)
    expect(await shop.events()).not.toContainEqual(expect.objectContaining({ type: 'identity' }))
    expect(await server.guests()).toEqual([guest])
    expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
  }),
)

test(
  'C19 the response to the first login is lost and the visitor reloads: one guest',
  faultyFixture({}, async ({ server, visitor, proxy }) => {
    proxy.inject(LOGIN, lost)
    const shop = await visitor.openWithoutGuest()
    await expect.poll(() => proxy.requestsOf(LOGIN).map(({ status }) => status)).toContain(200)
    await shop.leave()
    const [guest] = await server.guests()
    proxy.removeFaults()

    await shop.tab.startLoading(visitor.url)

    expect(await shop.waitUntilOpen()).toBe(guest)
    expect(await shop.me()).toBe(guest)
    expect(await server.guests()).toEqual([guest])
    expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])
  }),
)

/** Waits until the session has this error, and the page shows an error. */
async function showsError(shop: Shop, code: string): Promise<void> {
  await expect
    .poll(() => shop.snapshot())
    .toMatchObject({ status: 'unavailable', error: { code, retryAt: expect.any(Number) } })
  await expect.poll(() => shop.tab.text('error-banner')).toMatch(/\w/)
}

/** The time between each two requests, in milliseconds. */
function gaps(requests: readonly ProxiedRequest[]): number[] {
  return requests.slice(1).map(({ at }, index) => at - (requests[index]?.at ?? 0))
}
