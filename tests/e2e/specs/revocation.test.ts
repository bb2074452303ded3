// A session that is revoked at the server.

import { expect, test } from 'vitest'
import { fixture } from '../harness/fixture.ts'

test(
  'C10 after a revocation at the server the visitor is a new guest, and an event names the old guest',
  fixture({}, async ({ server, visitor }) => {
    const shop = await visitor.open()
    const guest = await shop.waitUntilActive()
    await shop.add(1)
    await shop.waitForCart(1)
    const { refresh_token } = await shop.credential()
    await server.revoke(refresh_token)

    const successor = await shop.me()

    expect(successor).not.toBe(guest)
    expect(await shop.waitForEvent('identity')).toMatchObject({
      oldId: guest,
      newId: successor,
      reason: 'invalid_grant',
    })
    await expect.poll(() => shop.eventLog()).toContain('identity')
    expect(await shop.waitUntilActive()).toBe(successor)
    await shop.waitForCart(0)
    expect(await server.guests()).toEqual([guest, successor])
    expect((await server.sessions()).map(({ revoked }) => revoked)).toEqual([1, 0])
  }),
)
