// Sign-out with two tabs.

import { expect, test } from 'vitest'
import { fixture } from '../harness/fixture.ts'

test(
  'C8 a sign-out in one tab signs out the other tab, and revokes the session at the server',
  fixture({}, async ({ server, visitor }) => {
    const one = await visitor.open()
    const other = await visitor.open()
    const guest = await one.waitUntilActive()
    const { access_token, refresh_token } = await one.credential()
    expect(await server.statusOfAccess(access_token)).toBe(200)

    await one.tab.click('sign-out')

    expect(await other.waitForEvent('signed_out')).toMatchObject({ id: guest, by: 'another_tab' })
    expect(await one.waitForEvent('signed_out')).toMatchObject({ id: guest, by: 'this_tab' })
    await one.waitForStatus('signed_out')
    await other.waitForStatus('signed_out')
    // The message between the tabs is faster than the storage event.
    await expect.poll(() => other.stored()).toBeNull()
    await expect.poll(() => server.statusOfAccess(access_token)).toBe(401)
    const refused = await server.refresh(refresh_token)
    expect(refused.status).toBe(400)
    expect(await refused.json()).toMatchObject({ error: 'invalid_grant' })
    expect(await server.sessions()).toEqual([{ counter: 0, revoked: 1 }])
  }),
)

test(
  'C8 C19 the first request after a sign-out makes one new guest for both tabs, with an empty cart',
  fixture({}, async ({ server, visitor }) => {
    const one = await visitor.open()
    const other = await visitor.open()
    const guest = await one.waitUntilActive()
    await one.add(1)
    await one.waitForCart(1)
    await one.tab.click('sign-out')
    await other.waitForStatus('signed_out')

    const fresh = await other.me()

    expect(fresh).not.toBe(guest)
    expect(await one.me()).toBe(fresh)
    await other.waitForCart(0)
    expect(await server.guests()).toEqual([guest, fresh])
    expect((await server.sessions()).map(({ revoked }) => revoked)).toEqual([1, 0])
  }),
)
