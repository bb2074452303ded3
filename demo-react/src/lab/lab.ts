// The state of the lab: the counters of both shops, and the results of the faults.

import type { SessionEvent } from 'guestpass'
import { useSyncExternalStore } from 'react'
import { queryClient } from '../queries'
import { session } from '../session'
import { readReport, resetFaults, type ServerCounts } from './fault-injector'
import {
  FAULTS,
  type FaultName,
  type Finding,
  faults,
  findingsOf,
  isFailed,
  lostCart,
  type Observation,
} from './faults'
import {
  addOne,
  classic,
  guestpass,
  itemCount,
  type LabShop,
  type Outcome,
  readShop,
  type ShopName,
  type ShopState,
} from './shops'

/** The counters and the state of one shop, as the lab shows them. */
export interface Board extends ServerCounts {
  readonly failed: number
  readonly carts: number
  readonly shopState: ShopState | null
}

/** The result of a fault. */
export interface FaultResult {
  /** Whether Guestpass has kept its promise. */
  readonly kept: boolean
  readonly findings: Readonly<Record<ShopName, readonly Finding[]>>
}

export interface LabState {
  /** Whether the server is in demo mode. Null before the lab knows it. */
  readonly isDemo: boolean | null
  readonly boards: Readonly<Record<ShopName, Board>>
  readonly results: Readonly<Partial<Record<FaultName, FaultResult>>>
  /** The running action, or null. No other one can start meanwhile. */
  readonly running: FaultName | 'opening' | 'counting' | null
  /** How many times the lab has opened its five tabs. */
  readonly tabsOpened: number
}

const EMPTY: Board = { guests: 0, logins: 0, refreshes: 0, failed: 0, carts: 0, shopState: null }

/** The id of the item that the lab adds to an empty cart before a fault, so that a lost cart can be seen. */
const ITEM_TO_LOSE = '1'

const SHOPS: readonly LabShop[] = [guestpass, classic]

let state: LabState = {
  isDemo: null,
  boards: { guestpass: EMPTY, classic: EMPTY },
  results: {},
  running: null,
  tabsOpened: 0,
}
const listeners = new Set<() => void>()

export function useLab(): LabState {
  return useSyncExternalStore(subscribe, () => state)
}

/** Reads the state of both shops and the counts. */
export async function openLab(): Promise<void> {
  if (state.running) return
  update({ running: 'opening' })
  try {
    const report = await readReport().catch(() => null)
    update({ isDemo: report !== null })
    if (report) await Promise.all(SHOPS.map(refresh))
    await refreshCounts()
  } finally {
    update({ running: null })
  }
}

/** Adds one item to the cart of a shop. */
export async function buy(shop: LabShop, item: string): Promise<void> {
  countFailure(shop.name, await addOne(shop, item))
  await refresh(shop)
  await refreshCounts()
}

/** Ends all faults at the server and resets the counts. The shops keep their visitors. */
export async function startOver(): Promise<void> {
  if (state.running) return
  update({ running: 'counting' })
  await resetFaults()
  for (const { name } of SHOPS) updateBoard(name, { failed: 0, carts: 0 })
  await Promise.all(SHOPS.map(refresh))
  await refreshCounts()
  update({ running: null, results: {} })
}

/** Runs one fault on both shops and sets its result. `inFiveTabs` sends from five tabs and returns the outcomes. */
export async function runFault(name: FaultName, inFiveTabs: () => Promise<Record<ShopName, Outcome[]>>): Promise<void> {
  if (state.running) return
  update({ running: name, results: { ...state.results, [name]: undefined } })
  const events: SessionEvent[] = []
  const outcomes: Record<ShopName, Outcome[]> = { guestpass: [], classic: [] }
  const record = (shop: ShopName, outcome: Outcome) => {
    outcomes[shop].push(outcome)
    countFailure(shop, outcome)
  }
  try {
    if (faults[name].causes401) await untilReplayAllowed()
    const before = { guestpass: await ensureCart(guestpass), classic: await ensureCart(classic) }
    const countsBefore = await readReport()
    const stop = session.onEvent((event) => events.push(event))
    await faults[name].run({
      send: async (shop, count) => {
        const sent = Array.from({ length: count }, () => shop.send('GET', '/items/'))
        for (const outcome of await Promise.all(sent)) record(shop.name, outcome)
      },
      onEvent: (event) => events.push(event),
      inFiveTabs: async () => {
        const fromTabs = await inFiveTabs()
        for (const { name } of SHOPS) for (const outcome of fromTabs[name]) record(name, outcome)
      },
    })
    const after = { guestpass: await refresh(guestpass), classic: await refresh(classic) }
    stop()
    const countsAfter = await refreshCounts()
    const observationOf = (shop: ShopName): Observation => ({
      before: before[shop],
      after: after[shop],
      outcomes: outcomes[shop],
      counts: difference(countsAfter?.[shop], countsBefore?.[shop]),
      events: shop === 'guestpass' ? events : [],
    })
    const observed = { guestpass: observationOf('guestpass'), classic: observationOf('classic') }
    for (const { name } of SHOPS)
      if (lostCart(observed[name])) updateBoard(name, { carts: state.boards[name].carts + 1 })
    const result: FaultResult = {
      kept: faults[name].isKept(observed.guestpass),
      findings: {
        guestpass: findingsOf('guestpass', observed.guestpass),
        classic: findingsOf('classic', observed.classic),
      },
    }
    update({ results: { ...state.results, [name]: result } })
  } finally {
    update({ running: null })
    // The cart of the demo shop is the cart of the visitor in the lab.
    void queryClient.invalidateQueries()
  }
}

/** Runs all faults, one after the other. */
export async function runAllFaults(inFiveTabs: () => Promise<Record<ShopName, Outcome[]>>): Promise<void> {
  for (const name of FAULTS) await runFault(name, inFiveTabs)
}

/** Opens five tabs and closes those that the lab has opened before. */
export function openTabs(): void {
  update({ tabsOpened: state.tabsOpened + 1 })
}

/**
 * How long Guestpass does not replay a request after it has refreshed a token because of a 401, in milliseconds. It returns
 * another 401 to the caller meanwhile, so that a server that refuses every token does not cause endless requests.
 */
const REPLAY_PAUSE = 10_000

let last401 = 0
session.onEvent(({ type }) => {
  if (type === 'unauthorized') last401 = performance.now()
})

/** Waits until Guestpass replays a request after a 401 again. */
async function untilReplayAllowed(): Promise<void> {
  const left = last401 === 0 ? 0 : last401 + REPLAY_PAUSE + 500 - performance.now()
  if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
}

/** Adds an item when the cart of a shop is empty. */
async function ensureCart(shop: LabShop): Promise<ShopState> {
  const shopState = await refresh(shop)
  if (itemCount(shopState) > 0) return shopState
  countFailure(shop.name, await addOne(shop, ITEM_TO_LOSE))
  return refresh(shop)
}

async function refresh(shop: LabShop): Promise<ShopState> {
  const shopState = await readShop(shop, (outcome) => countFailure(shop.name, outcome))
  updateBoard(shop.name, { shopState })
  return shopState
}

async function refreshCounts() {
  const report = await readReport().catch(() => null)
  if (report) for (const { name } of SHOPS) updateBoard(name, report[name])
  return report
}

function countFailure(name: ShopName, outcome: Outcome): void {
  if (isFailed(outcome)) updateBoard(name, { failed: state.boards[name].failed + 1 })
}

function difference(now: ServerCounts | undefined, before: ServerCounts | undefined): ServerCounts {
  const of = (count: keyof ServerCounts) => (now?.[count] ?? 0) - (before?.[count] ?? 0)
  return { guests: of('guests'), logins: of('logins'), refreshes: of('refreshes') }
}

function updateBoard(name: ShopName, change: Partial<Board>): void {
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
