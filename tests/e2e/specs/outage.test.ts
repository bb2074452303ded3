// A server that is stopped and started again.

import { expect, test } from 'vitest'
import { fixture } from '../harness/fixture.ts'

test(
  'C9 while the server is stopped the page says so and keeps the session; afterwards it recovers by itself, with the same guest and cart',
  fixture({}, async ({ server, visitor }) => {
    const shop = await visitor.open()
    const guest = await shop.waitUntilActive()
    await shop.add(1)
    await shop.waitForCart(1)
    const { refresh_token } = await shop.credential()
    await server.stop()

    await shop.expire()
    await shop.startBurst('/items/', 1)

    await shop.waitForStatus('unavailable')
    expect(await shop.snapshot()).toMatchObject({ id: guest, error: { code: 'network' } })
    await expect.poll(() => shop.tab.text('error-banner')).toMatch(/\w/)
    expect(await shop.credential()).toMatchObject({ refresh_token })

    await server.restart()

    await shop.waitForStatus('active')
    expect(await shop.burstResult()).toEqual([200])
    await expect.poll(() => shop.tab.text('error-banner')).toBeNull()
    expect(await shop.waitUntilActive()).toBe(guest)
    expect(await shop.me()).toBe(guest)
    await shop.waitForCart(1)
    expect(await shop.events()).not.toContainEqual(expect.objectContaining({ type: 'identity' }))
    expect(await server.guests()).toEqual([guest])
  }),
)
