import { describe, expect, test } from 'vitest'
import type { Passage } from '../harness/fault_proxy.ts'
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
import { faultyScene } from '../harness/scene.ts'
import type { Shop } from '../harness/shop.ts'

const LOGIN = 'POST /anonymous-login'
const REFRESH = 'POST /token'

/** What the page is told of each, and how long it keeps away from the server at least. */
const faults = [
  { fault: lost, code: 'network', pause: 0 },
  // Some engines (WebKitGTK 2.50) take what came for all of it, and find it to be no answer.
  { fault: cutShort, code: expect.stringMatching(/^(network|unavailable)$/), pause: 0 },
  { fault: truncated, code: 'unavailable', pause: 0 },
  { fault: reset, code: 'network', pause: 0 },
  { fault: unavailable, code: 'unavailable', pause: 0 },
  { fault: limitedForSeconds, code: 'unavailable', pause: RETRY_AFTER },
  { fault: limitedUntilDate, code: 'unavailable', pause: RETRY_AFTER },
  { fault: captivePortal, code: 'unavailable', pause: 0 },
  { fault: captiveRedirect, code: 'network', pause: 0 },
].map((row) => [row.fault.name, row] as const)

describe('C2 C9 C10 while a refresh fails, requests wait and the page says why; then all succeed, with the same guest and cart', () => {
  test.for(faults)('%s', ([, { fault, code, pause }]) =>
    faultyScene({}, async ({ server, visitor, proxy }) => {
      const shop = await visitor.opens()
      const guest = await shop.active()
      await shop.add(1)
      await shop.hasInCart(1)

      proxy.order(REFRESH, fault)
      await shop.expire()
      await shop.startBurst('/items/', 20)
      await saysWhy(shop, code)
      expect(await shop.snapshot()).toMatchObject({ id: guest })
      proxy.heal()

      expect(await shop.burstEnded()).toEqual(Array(20).fill(200))
      expect(await shop.active()).toBe(guest)
      expect(await shop.me()).toBe(guest)
      await shop.hasInCart(1)
      await expect.poll(() => shop.tab.text('error-banner')).toBeNull()
      expect(await shop.heard()).not.toContainEqual(expect.objectContaining({ type: 'identity' }))
      expect(await server.guests()).toEqual([guest])
      expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
      expect(gaps(proxy.passagesOf(REFRESH)).filter((gap) => gap < pause)).toEqual([])
      // One after the other: as many as were struck, and the one that passed.
      expect(proxy.passagesOf(REFRESH).filter((passage) => !passage.fault)).toHaveLength(1)
      expect(await shop.requests(REFRESH)).toBe(proxy.passagesOf(REFRESH).length)
    })(),
  )
})

describe('C9 C19 while the first visit fails, requests wait and the page says why; then all succeed, with one guest', () => {
  test.for(faults)('%s', ([, { fault, code, pause }]) =>
    faultyScene({}, async ({ server, visitor, proxy }) => {
      proxy.order(LOGIN, fault)
      const shop = await visitor.startsToOpen()
      await shop.startBurst('/items/', 20)
      await saysWhy(shop, code)
      expect(await shop.snapshot()).toMatchObject({ id: null })
      proxy.heal()

      expect(await shop.burstEnded()).toEqual(Array(20).fill(200))
      const guest = await shop.opened()
      expect(await shop.me()).toBe(guest)
      await expect.poll(() => shop.tab.text('error-banner')).toBeNull()
      await shop.add(1)
      await shop.hasInCart(1)
      expect(await server.guests()).toEqual([guest])
      expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])
      expect(gaps(proxy.passagesOf(LOGIN)).filter((gap) => gap < pause)).toEqual([])
      expect(proxy.passagesOf(LOGIN).filter((passage) => !passage.fault)).toHaveLength(1)
      expect(await shop.requests(LOGIN)).toBe(proxy.passagesOf(LOGIN).length)
    })(),
  )
})

test(
  'C2 a refresh that is slow is waited for by everybody, and not repeated',
  faultyScene({}, async ({ server, visitor, proxy }) => {
    const shop = await visitor.opens()
    const guest = await shop.active()
    const hold = new Hold()
    proxy.order(REFRESH, hold)
    await shop.expire()
    await shop.startBurst('/items/', 20)
    await expect.poll(() => proxy.passagesOf(REFRESH).length).toBe(1)
    await shop.status('refreshing')

    hold.release()

    expect(await shop.burstEnded()).toEqual(Array(20).fill(200))
    expect(await shop.me()).toBe(guest)
    expect(await shop.requests('GET /items/')).toBeGreaterThanOrEqual(20)
    expect(proxy.passagesOf(REFRESH)).toHaveLength(1)
    expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
  }),
)

test(
  'C4 C9 a refresh that is not answered is given up and asked for again; what the first answer says later changes nothing',
  faultyScene({}, async ({ server, visitor, proxy }) => {
    const shop = await visitor.opens()
    const guest = await shop.active()
    const hold = new Hold()
    proxy.order(REFRESH, hold, 1)
    await shop.expire()

    // The session waits ten seconds for an answer.
    expect(await shop.burst('/items/', 20)).toEqual(Array(20).fill(200))

    expect(await shop.hears('retrying')).toMatchObject({ code: 'timeout' })
    hold.release()
    await expect.poll(() => proxy.passagesOf(REFRESH).map(({ status }) => status)).toEqual([200, 200])
    expect(await shop.me()).toBe(guest)
    expect(await server.guests()).toEqual([guest])
    expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
  }),
)

test(
  'C9 C10 the answer to a refresh is lost and the visitor reloads: the same guest, the same cart',
  faultyScene({}, async ({ server, visitor, proxy }) => {
    const shop = await visitor.opens()
    const guest = await shop.active()
    await shop.add(1)
    await shop.hasInCart(1)
    proxy.order(REFRESH, lost)
    await shop.expire()
    await shop.startBurst('/items/', 1)
    await expect.poll(() => proxy.passagesOf(REFRESH).map(({ status }) => status)).toContain(200)
    await shop.leave()
    proxy.heal()

    await shop.tab.startLoading(visitor.url)

    expect(await shop.opened()).toBe(guest)
    await shop.expire()
    expect(await shop.me()).toBe(guest)
    await shop.hasInCart(1)
    expect(await shop.heard()).not.toContainEqual(expect.objectContaining({ type: 'identity' }))
    expect(await server.guests()).toEqual([guest])
    expect(await server.sessions()).toEqual([{ counter: 1, revoked: 0 }])
  }),
)

test(
  'C19 the answer to the first visit is lost and the visitor reloads: one guest',
  faultyScene({}, async ({ server, visitor, proxy }) => {
    proxy.order(LOGIN, lost)
    const shop = await visitor.startsToOpen()
    await expect.poll(() => proxy.passagesOf(LOGIN).map(({ status }) => status)).toContain(200)
    await shop.leave()
    const [guest] = await server.guests()
    proxy.heal()

    await shop.tab.startLoading(visitor.url)

    expect(await shop.opened()).toBe(guest)
    expect(await shop.me()).toBe(guest)
    expect(await server.guests()).toEqual([guest])
    expect(await server.sessions()).toEqual([{ counter: 0, revoked: 0 }])
  }),
)

/** Waits until the session and the page tell that there is no token, and the session why. */
async function saysWhy(shop: Shop, code: string): Promise<void> {
  await expect
    .poll(() => shop.snapshot())
    .toMatchObject({ status: 'unavailable', error: { code, retryAt: expect.any(Number) } })
  await expect.poll(() => shop.tab.text('error-banner')).toMatch(/\w/)
}

/** The milliseconds from each to the next. */
function gaps(passages: readonly Passage[]): number[] {
  return passages.slice(1).map(({ at }, index) => at - (passages[index]?.at ?? 0))
}
