// The lab: each fault button, and the counters of both shops.

import { describe, expect, test } from 'vitest'
import { type Fixture, fixture } from '../harness/fixture.ts'
import { type Counters, Lab } from '../harness/lab.ts'

const program = 'guestpass-demo'

/** The counters of both shops after each fault. Before the fault, each shop has one guest with one item in the cart. */
const faults: readonly { fault: string; guestpass: Partial<Counters>; classic: Partial<Counters> }[] = [
  {
    fault: 'expire',
    guestpass: { guests: 1, logins: 1, refreshes: 1, failed: 0, carts: 0 },
    classic: { guests: 2, logins: 2, failed: 0, carts: 1 },
  },
  {
    fault: 'lose',
    guestpass: { guests: 1, logins: 1, refreshes: 2, failed: 0, carts: 0 },
    classic: { guests: 3, logins: 3, failed: 1, carts: 1 },
  },
  {
    fault: 'burst',
    guestpass: { guests: 1, logins: 1, refreshes: 1, failed: 0, carts: 0 },
    classic: { guests: 21, logins: 21, failed: 0, carts: 1 },
  },
  {
    fault: 'locks',
    guestpass: { guests: 1, logins: 1, refreshes: 1, failed: 0, carts: 0 },
    classic: { guests: 21, logins: 21, failed: 0, carts: 1 },
  },
  {
    fault: 'outage',
    guestpass: { guests: 1, logins: 1, failed: 0, carts: 0 },
    classic: { failed: expect.toSatisfy((failed: number) => failed >= 1) as number },
  },
  {
    fault: 'tomorrow',
    guestpass: { guests: 1, logins: 1, refreshes: 1, failed: 0, carts: 0 },
    classic: { guests: 2, logins: 2, failed: 0, carts: 1 },
  },
  {
    // The second guest is a visitor with a full storage.
    fault: 'storage',
    guestpass: { guests: 2, logins: 2, failed: 0, carts: 0 },
    classic: { guests: 4, logins: 4, failed: 3, carts: 0 },
  },
  {
    // Only a revocation ends a session: the cart is lost, and the page says so.
    fault: 'revoke',
    guestpass: { guests: 2, logins: 2, failed: 0, carts: 1 },
    classic: { guests: 2, logins: 2, failed: 0, carts: 1 },
  },
]

describe('C2 C9 C10 C14 C19 Guestpass keeps its promise under the fault, and the lab counts the losses of both shops', () => {
  test.for(faults.map((row) => [row.fault, row] as const))('%s', ([, { fault, guestpass, classic }]) =>
    inTheLab(async ({ lab }) => {
      const result = await lab.inject(fault)

      expect(await lab.promiseKept(fault), result).toBe(true)
      expect(await lab.counters('guestpass')).toMatchObject(guestpass)
      expect(await lab.counters('classic')).toMatchObject(classic)
    })(),
  )
})

test(
  'C2 C19 five tabs with an expired token have one guest in the end, and the timeline has a lane for each tab',
  inTheLab(async ({ lab }) => {
    const result = await lab.inject('tabs')

    expect(await lab.promiseKept('tabs'), result).toBe(true)
    expect(await lab.counters('guestpass')).toMatchObject({ guests: 1, logins: 1, failed: 0, carts: 0 })
    const { guests, carts } = await lab.counters('classic')
    expect(guests).toBeGreaterThan(1)
    expect(carts).toBe(1)
    expect(await lab.lanes()).toBe(6)
  }),
)

test(
  'C10 after all faults Guestpass has lost one cart and has said why; the page shows no token',
  { timeout: 240_000 },
  inTheLab(async ({ lab, server }) => {
    await lab.shop.tab.click('run-all')
    await expect.poll(() => lab.promiseKept('revoke'), { timeout: 200_000 }).toBe(true)
    await lab.waitUntilIdle()

    for (const fault of ['expire', 'lose', 'burst', 'locks', 'tabs', 'outage', 'tomorrow', 'storage']) {
      expect(await lab.promiseKept(fault), fault).toBe(true)
    }
    const [guestpass, classic] = [await lab.counters('guestpass'), await lab.counters('classic')]
    console.log('counters, Guestpass and interceptors:', JSON.stringify(guestpass), JSON.stringify(classic))
    // Three guests: the visitor, the visitor with a full storage, and the visitor after the revocation.
    expect(guestpass).toMatchObject({ guests: 3, failed: 0, carts: 1 })
    expect(classic.guests).toBeGreaterThan(50)
    expect(classic.carts).toBeGreaterThanOrEqual(6)
    expect(await server.guests()).toHaveLength(guestpass.guests + classic.guests)
    expect(await lab.text()).not.toMatch(/eyJ|gpr_/)
  }),
)

test(
  'C10 the lab merges two carts at the server by the declared rule, erases the account, and counts no guest of the shops',
  inTheLab(async ({ lab, server }) => {
    const { tab } = lab.shop
    const counters = [await lab.counters('guestpass'), await lab.counters('classic')]
    expect(await tab.text('merge')).toContain('merge = { quantity = "sum", note = "account" }')

    await tab.click('merge-run')

    await expect.poll(() => tab.text('merge-merged-1'), { timeout: 30_000 }).toMatch(/2 \+ 1 = 3/)
    expect(await tab.text('merge-merged-1')).toMatch(/Gift wrap, please[\s\S]*the one of the account is kept/)
    expect(await tab.text('merge-merged-10')).toMatch(/60 \+ 50 = 110, but at most 99\.\s*99$/)
    expect(await tab.text('merge-merged-8')).toContain('Only on the phone')
    expect(await tab.text('merge-merged-2')).toContain('Only on the laptop')
    await expect.poll(() => server.query('SELECT count(*) AS accounts FROM account')).toEqual([{ accounts: 0 }])
    expect([await lab.counters('guestpass'), await lab.counters('classic')]).toEqual(counters)
  }),
)

test(
  'after a restart of the lab the counters are zero, and both shops accept items',
  inTheLab(async ({ lab }) => {
    await lab.inject('expire')
    await lab.shop.tab.click('start-over')
    await lab.waitUntilIdle()
    expect(await lab.counters('classic')).toMatchObject({ guests: 0, logins: 0, failed: 0, carts: 0 })

    for (const shop of ['guestpass', 'classic']) {
      await lab.shop.tab.click(`${shop}-add-8`)
      await expect.poll(() => lab.shop.tab.text(`${shop}-has-8`)).toBe('1')
    }
  }),
)

test(
  'on a server without the demo the lab says so, and has no fault buttons',
  fixture({ page: '/lab' }, async ({ visitor, server }) => {
    const shop = await visitor.openWithoutGuest()

    await expect.poll(() => shop.tab.evaluate(() => document.body.textContent)).toContain('make demo')
    expect(await shop.tab.text('strike-expire')).toBeNull()
    expect((await fetch(`${server.url}/demo/faults/outage`, { method: 'POST' })).status).toBe(404)
  }),
)

function inTheLab(act: (fixture: Fixture & { lab: Lab }) => Promise<void>): () => Promise<void> {
  return fixture({ page: '/lab', program }, async (fixture) =>
    act({ ...fixture, lab: await Lab.openFor(fixture.visitor) }),
  )
}
