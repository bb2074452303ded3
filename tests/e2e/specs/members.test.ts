// Registration, login, sign-out and erasure by the API of the session, in several tabs and browsers.

import { describe, expect, test } from 'vitest'
import { lost, reset, unavailable } from '../harness/faults.ts'
import { browsers, faultyFixture, fixture } from '../harness/fixture.ts'
import type { Shop } from '../harness/shop.ts'

const ADA = { email: 'ada@example.com', password: 'correct horse battery staple' }
/** The status of an addition: 201 when it makes the entry. */
const ADDED = expect.toBeOneOf([200, 201])

function memberOf(guest: string): string {
  return guest.replace('anonymous_', 'user_')
}

describe.each(browsers)('in a browser $name', ({ page }) => {
  test(
    'C10 a guest with a cart on two devices registers on one and logs in on the other: one account, both carts, once',
    faultyFixture({ page }, async ({ server, visitor, another, proxy }) => {
      const phone = await visitor.open()
      const guest = await phone.waitUntilActive()
      await phone.add(1)
      await phone.waitForCart(1)
      const desk = await another()
      const laptop = await desk.open()
      const laptopGuest = await laptop.waitUntilActive()
      await laptop.add(1)
      await laptop.add(2)
      await laptop.waitForCart(2)
      const member = memberOf(guest)

      expect(await phone.becomeMember('register', ADA)).toMatchObject({ id: member, outcome: 'registered' })
      expect(await phone.waitForEvent('identity')).toMatchObject({ oldId: guest, newId: member, reason: 'registered' })
      expect(await phone.snapshot()).toMatchObject({ id: member, kind: 'user', status: 'active' })

      // The server merges, but its response is lost: the session repeats the login.
      proxy.inject('POST /login', lost, 1)
      expect(await laptop.becomeMember('login', ADA)).toMatchObject({ id: member, outcome: 'logged_in' })

      expect(await laptop.waitForEvent('identity')).toMatchObject({
        oldId: laptopGuest,
        newId: member,
        reason: 'logged_in',
      })
      expect(proxy.requestsOf('POST /login').map(({ status }) => status)).toEqual([200, 200])
      for (const shop of [phone, laptop]) {
        expect(await shop.me()).toBe(member)
        expect(await shop.quantitiesAtServer()).toEqual({ 1: 2, 2: 1 })
      }
      expect(liveOf(await server.sessions())).toHaveLength(2)
      expect(await server.guests()).toHaveLength(2)
    }),
  )

  test(
    'C7 C10 two tabs that log in at the same moment while both add items lose and double no item',
    fixture({ page }, async ({ server, visitor, another }) => {
      const phone = await visitor.open()
      await phone.add(1)
      await phone.waitForCart(1)
      const member = memberOf(await phone.waitUntilActive())
      await phone.becomeMember('register', ADA)
      const desk = await another()
      const tabs = [await desk.open(), await desk.open()]
      const guest = await tabs[0]?.waitUntilActive()

      server.pause()
      for (const tab of tabs) {
        await tab.startBecomingMember('login', ADA)
        await startAdding(tab, 2, 5)
      }
      server.resume()

      for (const tab of tabs) {
        expect(await tab.membershipResult()).toMatchObject({ id: member, outcome: 'logged_in' })
        expect(await tab.burstResult()).toEqual(Array(5).fill(ADDED))
        expect(await tab.waitForEvent('identity')).toMatchObject({ oldId: guest, newId: member, reason: 'logged_in' })
        expect(await tab.waitUntilActive()).toBe(member)
      }
      for (const tab of [phone, ...tabs]) expect(await tab.quantitiesAtServer()).toEqual({ 1: 1, 2: 10 })
      expect(await server.guests()).toHaveLength(2)
    }),
  )
})

test(
  'C10 after a registration in one tab, the other tab has the member, also after a reload',
  fixture({}, async ({ visitor }) => {
    const one = await visitor.open()
    const other = await visitor.open()
    const guest = await one.waitUntilActive()
    const member = memberOf(guest)

    await one.becomeMember('register', ADA)

    expect(await other.waitForEvent('identity')).toMatchObject({ oldId: guest, newId: member, reason: 'registered' })
    expect(await other.me()).toBe(member)
    await other.tab.reload()
    expect(await other.waitUntilOpen()).toBe(member)
  }),
)

test.for([lost, reset, unavailable].map((fault) => [fault.name, fault] as const))(
  'C9 a registration is repeated until there is a response (%s)',
  ([, fault]) =>
    faultyFixture({}, async ({ server, visitor, proxy }) => {
      const shop = await visitor.open()
      const member = memberOf(await shop.waitUntilActive())
      proxy.inject('POST /register', fault, 2)

      expect(await shop.becomeMember('register', ADA)).toMatchObject({ id: member, outcome: 'registered' })

      expect(await shop.me()).toBe(member)
      expect(proxy.requestsOf('POST /register')).toHaveLength(3)
      expect(proxy.requestsOf('POST /token')).toHaveLength(0)
      // The session of the guest has ended, and the lost responses have opened no others.
      expect(liveOf(await server.sessions())).toEqual([{ counter: 0, revoked: 0 }])
    })(),
)

test(
  'C18 a login or registration that is refused leaves the guest as it was',
  faultyFixture({}, async ({ server, visitor, another, proxy }) => {
    const member = await visitor.open()
    await member.becomeMember('register', ADA)
    const shop = await (await another()).open()
    const guest = await shop.waitUntilActive()
    await shop.add(1)
    await shop.waitForCart(1)
    const [before, stored] = [await shop.snapshot(), await shop.credential()]
    const refreshes = proxy.requestsOf('POST /token').length

    const refusals = [
      await shop.becomeMember('login', { ...ADA, password: 'not the password' }),
      await shop.becomeMember('login', { ...ADA, email: 'nobody@example.com' }),
      await shop.becomeMember('register', { ...ADA, password: 'another long enough password' }),
      await shop.becomeMember('register', { email: 'eve@example.com', password: 'short' }),
    ]

    expect(refusals).toMatchObject([
      { code: 'refused', status: 403, reason: 'invalid_credentials' },
      { code: 'refused', status: 403, reason: 'invalid_credentials' },
      { code: 'refused', status: 409, reason: 'email_taken' },
      { code: 'refused', status: 422, reason: 'password_too_short' },
    ])
    expect(await shop.snapshot()).toEqual(before)
    expect(await shop.credential()).toEqual(stored)
    expect(proxy.requestsOf('POST /token')).toHaveLength(refreshes)
    expect(await shop.me()).toBe(guest)
    await shop.waitForCart(1)
    expect(await server.guests()).toHaveLength(2)
  }),
)

test(
  'C10 while a tab registers and its responses are lost, the other tab waits, and is the member afterwards',
  faultyFixture({}, async ({ server, visitor, proxy }) => {
    const one = await visitor.open()
    const other = await visitor.open()
    const member = memberOf(await one.waitUntilActive())
    await other.waitUntilActive()
    proxy.inject('POST /register', lost, 2)

    await one.startBecomingMember('register', ADA)
    await startAdding(other, 1, 5)

    expect(await one.membershipResult()).toMatchObject({ id: member, outcome: 'registered' })
    expect(await other.burstResult()).toEqual(Array(5).fill(ADDED))
    expect(await other.waitForEvent('identity')).toMatchObject({ newId: member, reason: 'registered' })
    expect(await other.quantitiesAtServer()).toEqual({ 1: 5 })
    expect(await server.guests()).toHaveLength(1)
  }),
)

test(
  'C13 an export and the list of sessions need the refresh token, and show no token',
  fixture({}, async ({ visitor }) => {
    const shop = await visitor.open()
    const member = memberOf(await shop.waitUntilActive())
    await shop.becomeMember('register', ADA)

    const results = await shop.tab.evaluate(async () => {
      const { guestpass } = window
      const [refused, data, sessions] = await Promise.all([
        guestpass.fetch('/me/export'),
        guestpass.export(),
        guestpass.sessions.list(),
      ])
      return { refused: refused.status, code: (await refused.json()).code, data, sessions }
    })

    expect(results).toMatchObject({ refused: 403, code: 'refresh_token_required', data: { id: member } })
    expect(results.sessions).toMatchObject([{ current: true }])
    expect(JSON.stringify(results)).not.toContain('gpr_')
  }),
)

test(
  'C8 after a sign-out with next: none, no tab has a guest until a start',
  fixture({}, async ({ server, visitor }) => {
    const one = await visitor.open()
    const other = await visitor.open()
    const member = memberOf(await one.waitUntilActive())
    await one.becomeMember('register', ADA)
    await other.waitForEvent('identity')

    await one.tab.evaluate(() => window.guestpass.signOut({ next: 'none' }))

    expect(await other.waitForEvent('signed_out')).toMatchObject({
      id: member,
      by: 'another_tab',
      reason: 'signed_out',
    })
    await other.tab.reload()
    await other.waitForSession()
    for (const shop of [one, other]) {
      await shop.waitForStatus('signed_out')
      expect(await requestFails(shop)).toBe('signed_out')
    }
    expect(await server.guests()).toHaveLength(1)

    await one.tab.evaluate(() => window.guestpass.start())
    const fresh = await one.me()
    expect(fresh).toMatch(/^anonymous_/)
    // The other tab rejects requests until it receives the message of the start.
    await other.waitForStatus('active')
    expect(await other.me()).toBe(fresh)
    expect(await server.guests()).toHaveLength(2)
  }),
)

test(
  'C8 after a sign-out with next: none, a login works as the first call of a page',
  fixture({}, async ({ visitor }) => {
    const shop = await visitor.open()
    const member = memberOf(await shop.waitUntilActive())
    await shop.becomeMember('register', ADA)
    await shop.tab.evaluate(() => window.guestpass.signOut({ next: 'none' }))
    await shop.tab.reload()
    await shop.waitForSession()

    expect(await shop.becomeMember('login', ADA)).toMatchObject({ id: member })

    expect(await shop.me()).toBe(member)
  }),
)

test(
  'C8 a member who signs out with next: guest becomes a new guest',
  fixture({}, async ({ server, visitor }) => {
    const shop = await visitor.open()
    const member = memberOf(await shop.waitUntilActive())
    await shop.add(1)
    await shop.waitForCart(1)
    await shop.becomeMember('register', ADA)

    await shop.tab.evaluate(() => window.guestpass.signOut({ next: 'guest' }))

    const fresh = await shop.me()
    expect(fresh).toMatch(/^anonymous_/)
    expect(memberOf(fresh)).not.toBe(member)
    expect(await shop.cartAtServer()).toBe(0)
    expect(await server.guests()).toHaveLength(2)
  }),
)

test(
  'C8 an erased member is deleted at the server and signed out in all tabs, also when the response is lost',
  faultyFixture({}, async ({ server, visitor, proxy }) => {
    const one = await visitor.open()
    const other = await visitor.open()
    const member = memberOf(await one.waitUntilActive())
    await one.add(1)
    await one.waitForCart(1)
    await one.becomeMember('register', ADA)
    await other.waitForEvent('identity')
    proxy.inject('DELETE /me', lost, 1)

    await one.tab.evaluate(() => window.guestpass.erase())

    const gone = { id: member, reason: 'erased' }
    expect(await one.waitForEvent('signed_out')).toMatchObject({ ...gone, by: 'this_tab' })
    expect(await other.waitForEvent('signed_out')).toMatchObject({ ...gone, by: 'another_tab' })
    expect(await server.query(`SELECT id FROM anonymous_user WHERE 'user_' || id = '${member}'`)).toEqual([])
    expect(await other.cartAtServer()).toBe(0)
    expect(await other.becomeMember('login', ADA)).toMatchObject({ code: 'refused', reason: 'invalid_credentials' })
  }),
)

test(
  'C10 C18 a guest registers and logs in with a passkey, in engines that support virtual authenticators',
  fixture(
    { host: 'localhost', flags: ['--passkey-domain', 'localhost', '--passkey-origin', 'http://localhost'] },
    async ({ server, visitor }) => {
      const shop = await visitor.open()
      const guest = await shop.waitUntilActive()
      if (!(await shop.tab.addAuthenticator())) {
        // Without an authenticator, or without WebAuthn: the attempt must not lose the guest.
        expect(await shop.tab.evaluate(() => 'PublicKeyCredential' in window)).toBe(process.env.ENGINE === 'firefox')
        if (process.env.ENGINE === 'webkit') {
          expect(await shop.becomeMember('register', { passkey: true })).toMatchObject({ code: 'passkey_failed' })
        }
        expect(await shop.me()).toBe(guest)
        return
      }
      await shop.add(1)
      await shop.waitForCart(1)

      expect(await shop.becomeMember('register', { passkey: true, email: ADA.email })).toMatchObject({
        id: memberOf(guest),
        email: ADA.email,
        outcome: 'registered',
      })
      expect(await shop.me()).toBe(memberOf(guest))

      await shop.tab.evaluate(() => window.guestpass.signOut({ next: 'none' }))
      expect(await shop.becomeMember('login', { passkey: true })).toMatchObject({
        id: memberOf(guest),
        outcome: 'logged_in',
        merged: true,
      })
      expect(await shop.me()).toBe(memberOf(guest))
      expect(await shop.cartAtServer()).toBe(1)
      expect(await server.guests()).toHaveLength(2)
    },
  ),
)

/** The sessions that have not ended. */
function liveOf(sessions: readonly { counter: number; revoked: number }[]) {
  return sessions.filter(({ revoked }) => !revoked)
}

/** Sends `times` concurrent requests that each add one item to the cart, without waiting for the responses. */
function startAdding(shop: Shop, item: number, times: number): Promise<void> {
  return shop.tab.evaluate(
    (item, times) => {
      const body = JSON.stringify({ add: { quantity: 1 } })
      const headers = { 'Content-Type': 'application/json' }
      const add = () => window.guestpass.fetch(`/me/cart/${item}`, { method: 'POST', headers, body })
      window.burst = Promise.all(Array.from({ length: times }, add))
    },
    item,
    times,
  )
}

/** The code of the error with which a request is rejected. */
function requestFails(shop: Shop): Promise<string> {
  return shop.tab.evaluate(() =>
    window.guestpass.fetch('/me').then(
      ({ status }) => String(status),
      ({ code }) => code,
    ),
  )
}
