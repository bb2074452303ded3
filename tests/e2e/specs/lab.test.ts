// Every button of the lab, with the counters of both shops side by side. The server and the browser are real, and so are
// the faults.

import { describe, expect, test } from 'vitest'
import { type Counters, Lab } from '../harness/lab.ts'
import { type Scene, scene } from '../harness/scene.ts'

const flags = ['--demo']

/** What each fault costs a visitor from the first look on: one guest who has one thing in the cart. */
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
    // A newcomer beside the visitor.
    fault: 'storage',
    guestpass: { guests: 2, logins: 2, failed: 0, carts: 0 },
    classic: { guests: 4, logins: 4, failed: 3, carts: 0 },
  },
  {
    // The one thing that ends a session: here, too, the cart is gone, but somebody says so.
    fault: 'revoke',
    guestpass: { guests: 2, logins: 2, failed: 0, carts: 1 },
    classic: { guests: 2, logins: 2, failed: 0, carts: 1 },
  },
]

describe('C2 C9 C10 C14 C19 the lab keeps its promises, and counts what interceptors do', () => {
  test.for(faults.map((row) => [row.fault, row] as const))('%s', ([, { fault, guestpass, classic }]) =>
    inTheLab(async ({ lab }) => {
      const said = await lab.strike(fault)

      expect(await lab.held(fault), said).toBe(true)
      expect(await lab.counters('guestpass')).toMatchObject(guestpass)
      expect(await lab.counters('classic')).toMatchObject(classic)
    })(),
  )
})

test(
  'C2 C19 five tabs with an expired token end with one guest, and have a lane each',
  inTheLab(async ({ lab }) => {
    const said = await lab.strike('tabs')

    expect(await lab.held('tabs'), said).toBe(true)
    expect(await lab.counters('guestpass')).toMatchObject({ guests: 1, logins: 1, failed: 0, carts: 0 })
    const { guests, carts } = await lab.counters('classic')
    expect(guests).toBeGreaterThan(1)
    expect(carts).toBe(1)
    expect(await lab.lanes()).toBe(6)
  }),
)

test(
  'C10 after all the faults in a row Guestpass has lost one cart, and has said why; no token is on the page',
  { timeout: 240_000 },
  inTheLab(async ({ lab, server }) => {
    await lab.shop.tab.click('run-all')
    await expect.poll(() => lab.held('revoke'), { timeout: 200_000 }).toBe(true)
    await lab.atRest()

    for (const fault of ['expire', 'lose', 'burst', 'locks', 'tabs', 'outage', 'tomorrow', 'storage']) {
      expect(await lab.held(fault), fault).toBe(true)
    }
    const [guestpass, classic] = [await lab.counters('guestpass'), await lab.counters('classic')]
    console.log('counters, Guestpass and interceptors:', JSON.stringify(guestpass), JSON.stringify(classic))
    // The visitor, the newcomer with the full storage, and the visitor after the revocation.
    expect(guestpass).toMatchObject({ guests: 3, failed: 0, carts: 1 })
    expect(classic.guests).toBeGreaterThan(50)
    expect(classic.carts).toBeGreaterThanOrEqual(6)
    expect(await server.guests()).toHaveLength(guestpass.guests + classic.guests)
    expect(await lab.words()).not.toMatch(/eyJ|gpr_/)
  }),
)

test(
  'the lab counts from zero again, and its shops can be shopped in',
  inTheLab(async ({ lab }) => {
    await lab.strike('expire')
    await lab.shop.tab.click('start-over')
    await lab.atRest()
    expect(await lab.counters('classic')).toMatchObject({ guests: 0, logins: 0, failed: 0, carts: 0 })

    for (const shop of ['guestpass', 'classic']) {
      await lab.shop.tab.click(`${shop}-add-8`)
      await expect.poll(() => lab.shop.tab.text(`${shop}-has-8`)).toBe('1')
    }
  }),
)

test(
  'without --demo the lab says so, and nothing can be broken',
  scene({ page: '/lab' }, async ({ visitor, server }) => {
    const shop = await visitor.startsToOpen()

    await expect.poll(() => shop.tab.evaluate(() => document.body.textContent)).toContain('make demo')
    expect(await shop.tab.text('strike-expire')).toBeNull()
    expect((await fetch(`${server.url}/demo/faults/outage`, { method: 'POST' })).status).toBe(404)
  }),
)

function inTheLab(act: (scene: Scene & { lab: Lab }) => Promise<void>): () => Promise<void> {
  return scene({ page: '/lab', flags }, async (scene) => act({ ...scene, lab: await Lab.openedBy(scene.visitor) }))
}
