// Registration and login by the forms of the demo.

import { expect, test } from 'vitest'
import { lost } from '../harness/faults.ts'
import { faultyFixture, fixture } from '../harness/fixture.ts'
import type { Shop } from '../harness/shop.ts'

const EMAIL = 'ada@example.com'
const PASSWORD = 'correct horse battery staple'

test(
  'C18 a guest who signs up with a password keeps id and cart, in both tabs; a refused attempt changes nothing',
  fixture({}, async ({ visitor, server }) => {
    const shop = await visitor.open()
    const other = await visitor.open()
    const guest = await shop.waitUntilActive()
    await shop.add(1)
    await shop.waitForCart(1)

    await signUp(shop, EMAIL, 'short')
    await expect.poll(() => shop.tab.text('membership-error')).toMatch(/\w/)
    expect(await shop.me()).toBe(guest)

    await fillIn(shop, EMAIL, PASSWORD)
    await expect.poll(() => shop.tab.text('membership-done')).toMatch(/\w/)

    const member = memberOf(guest)
    await expect.poll(async () => (await shop.snapshot()).id).toBe(member)
    expect(await shop.snapshot()).toMatchObject({ kind: 'user' })
    await expect.poll(async () => (await other.snapshot()).id).toBe(member)
    await shop.waitForCart(1)
    await other.waitForCart(1)
    expect(await server.query('SELECT count(*) AS guests FROM anonymous_user')).toEqual([{ guests: 1 }])
  }),
)

test(
  'C18 the response to a sign-up is lost: the repeated request gives the same member',
  faultyFixture({}, async ({ visitor, proxy, server }) => {
    const shop = await visitor.open()
    const guest = await shop.waitUntilActive()
    proxy.inject('POST /register', lost, 1)

    await signUp(shop, EMAIL, PASSWORD)
    await expect.poll(() => proxy.requestsOf('POST /register').length).toBeGreaterThan(0)
    await expect
      .poll(async () => {
        // If the page does not repeat the request by itself, the visitor does.
        if (/\w/.test((await shop.tab.text('membership-error')) ?? '')) await shop.tab.click('submit')
        return shop.tab.text('membership-done')
      })
      .toMatch(/\w/)

    await expect.poll(async () => (await shop.snapshot()).id).toBe(memberOf(guest))
    expect(await server.query('SELECT count(*) AS accounts FROM account')).toEqual([{ accounts: 1 }])
  }),
)

test(
  'a login on another device merges both carts; a wrong password changes nothing; the first device signs the other out',
  fixture({}, async ({ visitor, another }) => {
    const desk = await visitor.open()
    const member = memberOf(await desk.waitUntilActive())
    await desk.add(1)
    await desk.waitForCart(1)
    await signUp(desk, EMAIL, PASSWORD)
    await expect.poll(() => desk.tab.text('membership-done')).toMatch(/\w/)

    const phone = await (await another()).open()
    const guest = await phone.waitUntilActive()
    await phone.add(1)
    await phone.add(8)
    await phone.waitForCart(2)
    await logIn(phone, EMAIL, 'another horse battery staple')
    await expect.poll(() => phone.tab.text('membership-error')).toMatch(/\w/)
    expect(await phone.me()).toBe(guest)

    await fillIn(phone, EMAIL, PASSWORD)
    await expect.poll(() => phone.tab.text('membership-done')).toMatch(/\w/)

    await expect.poll(async () => (await phone.snapshot()).id).toBe(member)
    await phone.waitForCart(3)
    expect(await phone.me()).toBe(member)
    await desk.tab.reload()
    await desk.waitForSession()
    await desk.waitForCart(3)

    await desk.tab.click('nav-account')
    await expect.poll(() => devices(desk)).toHaveLength(2)
    for (const name of await devices(desk)) expect(name).toMatch(/^(Chrome|Firefox|Safari) on Linux/)
    await desk.tab.click('end-others')
    await desk.tab.click('end-confirm')
    await expect.poll(() => devices(desk)).toHaveLength(1)
    await phone.tab.reload()
    await phone.waitForSession()
    await expect.poll(async () => (await phone.snapshot()).kind).toBe('guest')
    expect(await desk.me()).toBe(member)
  }),
)

test(
  'a guest signs up with a passkey, signs out, and logs in with it',
  fixture({ host: 'localhost' }, async ({ visitor }) => {
    const shop = await visitor.open()
    const guest = await shop.waitUntilActive()
    const member = memberOf(guest)
    await shop.add(1)
    await shop.waitForCart(1)
    if (!(await shop.tab.addAuthenticator())) {
      // Some drivers have no virtual authenticator. There, the form must not lose the guest.
      await shop.tab.click('nav-account')
      await shop.tab.click('sign-up')
      await expect.poll(() => shop.tab.text('passkey')).toMatch(/\w/)
      expect(await shop.me()).toBe(guest)
      return
    }

    await shop.tab.click('nav-account')
    await shop.tab.click('sign-up')
    await shop.tab.type('email', EMAIL)
    await shop.tab.click('passkey')
    await expect.poll(() => shop.tab.text('membership-done')).toMatch(/\w/)
    await expect.poll(async () => (await shop.snapshot()).id).toBe(member)

    await shop.tab.press('Escape')
    await shop.tab.click('leave')
    await shop.waitForStatus('signed_out')
    await shop.tab.click('log-in')
    await shop.tab.click('passkey')

    await expect.poll(() => shop.tab.text('membership-done')).toMatch(/\w/)
    await expect.poll(async () => (await shop.snapshot()).id).toBe(member)
    await shop.waitForCart(1)
  }),
)

/** The names of the devices that the account page shows. */
function devices(shop: Shop): Promise<(string | null)[]> {
  return shop.tab.evaluate(() => {
    return Array.from(document.querySelectorAll('.device-name'), (name) => name.textContent)
  })
}

function memberOf(guest: string): string {
  return guest.replace('anonymous_', 'user_')
}

async function signUp(shop: Shop, email: string, password: string): Promise<void> {
  await shop.tab.click('nav-account')
  await shop.tab.click('sign-up')
  await fillIn(shop, email, password)
}

async function logIn(shop: Shop, email: string, password: string): Promise<void> {
  await shop.tab.click('nav-account')
  await shop.tab.click('log-in')
  await fillIn(shop, email, password)
}

async function fillIn(shop: Shop, email: string, password: string): Promise<void> {
  await shop.tab.type('email', email)
  await shop.tab.type('password', password)
  await shop.tab.click('submit')
}
