import { expect, test } from 'vitest'
import { scene } from '../harness/scene.ts'

test(
  'C10 a session revoked at the server becomes a new guest, and an event names the old one',
  scene({}, async ({ server, visitor }) => {
    const shop = await visitor.opens()
    const guest = await shop.active()
    await shop.add(1)
    await shop.hasInCart(1)
    const { refresh_token } = await shop.credential()
    await server.revoke(refresh_token)

    const successor = await shop.me()

    expect(successor).not.toBe(guest)
    expect(await shop.hears('identity')).toMatchObject({ oldId: guest, newId: successor, reason: 'invalid_grant' })
    await expect.poll(() => shop.eventLog()).toContain('identity')
    expect(await shop.active()).toBe(successor)
    await shop.hasInCart(0)
    expect(await server.guests()).toEqual([guest, successor])
    expect((await server.sessions()).map(({ revoked }) => revoked)).toEqual([1, 0])
  }),
)
