import type { SessionEvent } from 'guestpass'
import { useSyncExternalStore } from 'react'
import { queryClient } from '../queries'
import { session } from '../session'
import { type Did, didTo, type Effect, FAULTS, type FaultName, faults, isFailed, lostCart } from './faults'
import { classic, guestpass, type LabShop, look, type Outcome, type ShopName, type Sight, thingsIn } from './shops'
import { clearStage, readStage, type Tally } from './stage'

/** One shop on the board. */
export interface Board extends Tally {
  readonly failed: number
  readonly carts: number
  readonly sight: Sight | null
}

/** What came of a fault. */
export interface Verdict {
  readonly held: boolean
  readonly said: Readonly<Record<ShopName, readonly Did[]>>
}

export interface LabState {
  /** Null before it is known. */
  readonly isDemo: boolean | null
  readonly boards: Readonly<Record<ShopName, Board>>
  readonly verdicts: Readonly<Partial<Record<FaultName, Verdict>>>
  /** What is being done. */
  readonly running: FaultName | 'opening' | 'counting' | null
  /** How often the lab has opened its five tabs. */
  readonly tabsOpened: number
}

const EMPTY: Board = { guests: 0, logins: 0, refreshes: 0, failed: 0, carts: 0, sight: null }

/** What is put into an empty cart before a fault, so that there is something to lose. */
const STAKE = 1

const SHOPS: readonly LabShop[] = [guestpass, classic]

let state: LabState = {
  isDemo: null,
  boards: { guestpass: EMPTY, classic: EMPTY },
  verdicts: {},
  running: null,
  tabsOpened: 0,
}
const listeners = new Set<() => void>()

export function useLab(): LabState {
  return useSyncExternalStore(subscribe, () => state)
}

/** Opens both shops and reads the counts. */
export async function openLab(): Promise<void> {
  if (state.running) return
  update({ running: 'opening' })
  try {
    const report = await readStage().catch(() => null)
    update({ isDemo: report !== null })
    if (report) await Promise.all(SHOPS.map(see))
    await count()
  } finally {
    update({ running: null })
  }
}

/** Puts one more of an item into the cart of a shop. */
export async function buy(shop: LabShop, item: number): Promise<void> {
  note(shop.name, await shop.send('POST', '/me/cart', { item_id: item, quantity: 1 }))
  await see(shop)
  await count()
}

/** Ends what goes on at the server, and counts from zero. The shops keep their visitors. */
export async function startOver(): Promise<void> {
  if (state.running) return
  update({ running: 'counting' })
  await clearStage()
  for (const { name } of SHOPS) board(name, { failed: 0, carts: 0 })
  await Promise.all(SHOPS.map(see))
  await count()
  update({ running: null, verdicts: {} })
}

/** Does one thing to both shops, and judges. `inFiveTabs` sends from five tabs and hands back what became of it. */
export async function strike(name: FaultName, inFiveTabs: () => Promise<Record<ShopName, Outcome[]>>): Promise<void> {
  if (state.running) return
  update({ running: name, verdicts: { ...state.verdicts, [name]: undefined } })
  const heard: SessionEvent[] = []
  const outcomes: Record<ShopName, Outcome[]> = { guestpass: [], classic: [] }
  const taken = (shop: ShopName, outcome: Outcome) => {
    outcomes[shop].push(outcome)
    note(shop, outcome)
  }
  try {
    if (faults[name].surprises) await trusted()
    const before = { guestpass: await stake(guestpass), classic: await stake(classic) }
    const given = await readStage()
    const stop = session.onEvent((event) => heard.push(event))
    await faults[name].act({
      ask: async (shop, count) => {
        const asked = Array.from({ length: count }, () => shop.send('GET', '/items/'))
        for (const outcome of await Promise.all(asked)) taken(shop.name, outcome)
      },
      hear: (event) => heard.push(event),
      inFiveTabs: async () => {
        const came = await inFiveTabs()
        for (const { name } of SHOPS) for (const outcome of came[name]) taken(name, outcome)
      },
    })
    const after = { guestpass: await see(guestpass), classic: await see(classic) }
    stop()
    const now = await count()
    const effectOn = (shop: ShopName): Effect => ({
      before: before[shop],
      after: after[shop],
      outcomes: outcomes[shop],
      given: difference(now?.[shop], given?.[shop]),
      heard: shop === 'guestpass' ? heard : [],
    })
    const effects = { guestpass: effectOn('guestpass'), classic: effectOn('classic') }
    for (const { name } of SHOPS) if (lostCart(effects[name])) board(name, { carts: state.boards[name].carts + 1 })
    const verdict: Verdict = {
      held: faults[name].held(effects.guestpass),
      said: { guestpass: didTo('guestpass', effects.guestpass), classic: didTo('classic', effects.classic) },
    }
    update({ verdicts: { ...state.verdicts, [name]: verdict } })
  } finally {
    update({ running: null })
    // The shop beside the lab shows the same cart.
    void queryClient.invalidateQueries()
  }
}

/** All faults, one after the other. */
export async function strikeAll(inFiveTabs: () => Promise<Record<ShopName, Outcome[]>>): Promise<void> {
  for (const name of FAULTS) await strike(name, inFiveTabs)
}

/** Opens five tabs in the place of those that may be open. */
export function openTabs(): void {
  update({ tabsOpened: state.tabsOpened + 1 })
}

/**
 * For so long after a token was renewed because of a 401, Guestpass takes another 401 for the fault of who sent it, and
 * hands it to the caller: a server that refuses everything is not asked for ever. In milliseconds.
 */
const TRUST = 10_000

let lastRefusal = 0
session.onEvent(({ type }) => {
  if (type === 'unauthorized') lastRefusal = performance.now()
})

/** Waits until a 401 counts again. */
async function trusted(): Promise<void> {
  const left = lastRefusal === 0 ? 0 : lastRefusal + TRUST + 500 - performance.now()
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
}

/** Sees to it that the visitor has something to lose. */
async function stake(shop: LabShop): Promise<Sight> {
  const sight = await see(shop)
  if (thingsIn(sight) > 0) return sight
  note(shop.name, await shop.send('POST', '/me/cart', { item_id: STAKE, quantity: 1 }))
  return see(shop)
}

async function see(shop: LabShop): Promise<Sight> {
  const sight = await look(shop, (outcome) => note(shop.name, outcome))
  board(shop.name, { sight })
  return sight
}

async function count() {
  const report = await readStage().catch(() => null)
  if (report) for (const { name } of SHOPS) board(name, report[name])
  return report
}

function note(name: ShopName, outcome: Outcome): void {
  if (isFailed(outcome)) board(name, { failed: state.boards[name].failed + 1 })
}

function difference(now: Tally | undefined, before: Tally | undefined): Tally {
  const of = (what: keyof Tally) => (now?.[what] ?? 0) - (before?.[what] ?? 0)
  return { guests: of('guests'), logins: of('logins'), refreshes: of('refreshes') }
}

function board(name: ShopName, change: Partial<Board>): void {
  update({ boards: { ...state.boards, [name]: { ...state.boards[name], ...change } } })
}

function update(change: Partial<LabState>): void {
  state = { ...state, ...change }
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
