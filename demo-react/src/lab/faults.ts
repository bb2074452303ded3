// What can be done to both shops, and what Guestpass promises about it.

import type { SessionEvent } from 'guestpass'
import { session } from '../session'
import { fillStorage, removeLocks } from './browser'
import { classicNewcomer, guestpassNewcomer } from './newcomers'
import type { LabShop, Outcome, ShopName, Sight } from './shops'
import { classic, guestpass, thingsIn } from './shops'
import { expireToken, order, revoke, type Tally } from './stage'

export const FAULTS = ['expire', 'tomorrow', 'lose', 'burst', 'locks', 'tabs', 'storage', 'outage', 'revoke'] as const

export type FaultName = (typeof FAULTS)[number]

/** What happened to one shop under a fault. */
export interface Effect {
  readonly before: Sight
  readonly after: Sight
  readonly outcomes: readonly Outcome[]
  /** What the server gave meanwhile. */
  readonly given: Tally
  /** What the session told meanwhile; the shop on interceptors has nobody who would. */
  readonly heard: readonly SessionEvent[]
}

/** Sends requests of a shop and takes note of what becomes of them. */
export type Ask = (shop: LabShop, count: number) => Promise<void>

export interface FaultActs {
  readonly ask: Ask
  /** Takes note of what a session tells that is not the page's own. */
  readonly hear: (event: SessionEvent) => void
  /** Opens five tabs, lets each send a request of both shops at one moment, and notes their outcomes. */
  readonly inFiveTabs: () => Promise<void>
}

interface Fault {
  /** It begins with a token that is refused although nobody could know that it would be. */
  readonly surprises?: true
  readonly act: (acts: FaultActs) => Promise<void>
  /** Whether Guestpass has kept its promise. */
  readonly held: (effect: Effect) => boolean
}

/** The tokens end, as everybody could know: Guestpass was told for how long its own is good. */
async function bothExpire(): Promise<void> {
  await Promise.all([expireToken(guestpass), expireToken(classic)])
  session.expire()
}

const both = ({ ask }: FaultActs, count: number) => Promise.all([ask(guestpass, count), ask(classic, count)])

export const faults: Readonly<Record<FaultName, Fault>> = {
  expire: {
    async act(acts) {
      await bothExpire()
      await both(acts, 1)
    },
    held: (effect) => isSame(effect) && effect.given.refreshes === 1,
  },
  lose: {
    async act(acts) {
      await order('lose-answer')
      await bothExpire()
      await both(acts, 1)
    },
    // Once in vain, and once more.
    held: (effect) => isSame(effect) && effect.given.refreshes === 2,
  },
  revoke: {
    surprises: true,
    async act(acts) {
      await Promise.all([revoke(guestpass), revoke(classic)])
      await both(acts, 1)
    },
    held: (effect) =>
      allAnswered(effect) &&
      effect.after.id !== effect.before.id &&
      effect.heard.some((event) => event.type === 'identity' && event.reason === 'invalid_grant'),
  },
  outage: {
    async act(acts) {
      await bothExpire()
      await order('outage')
      await both(acts, 1)
    },
    held: isSame,
  },
  tomorrow: {
    surprises: true,
    async act(acts) {
      await order('tomorrow')
      await both(acts, 1)
    },
    held: (effect) => isSame(effect) && effect.given.guests === 0,
  },
  storage: {
    async act(acts) {
      const newcomers = [guestpassNewcomer(acts.hear), classicNewcomer()]
      const undo = fillStorage()
      try {
        for (const { shop } of newcomers) {
          for (let request = 0; request < 3; request += 1) await acts.ask(shop, 1)
        }
      } finally {
        undo()
        for (const { leave } of newcomers) leave()
      }
    },
    held: (effect) => isSame(effect) && effect.given.guests === 1 && isInMemory(effect),
  },
  locks: {
    async act(acts) {
      const undo = removeLocks()
      try {
        await bothExpire()
        await both(acts, 20)
      } finally {
        undo()
      }
    },
    held: (effect) => isSame(effect) && effect.given.refreshes === 1,
  },
  burst: {
    async act(acts) {
      await bothExpire()
      await both(acts, 20)
    },
    held: (effect) => isSame(effect) && effect.given.refreshes === 1,
  },
  tabs: {
    act: (acts) => acts.inFiveTabs(),
    // With a lock that all tabs have, one asks and the others take over what it got. One that still sees the storage of a
    // moment ago may ask once more, and is given the same.
    held: (effect) => isSame(effect) && effect.given.guests === 0 && effect.given.refreshes <= 5,
  },
}

/** In the words of `lab.did`. */
export type Did =
  | { readonly key: 'same' | 'fresh' | 'lost' | 'silent' | 'cart' | 'memory' }
  | { readonly key: 'failed' | 'guests' | 'refreshes'; readonly count: number }

/** What to say of a shop after a fault, the worst first. */
export function didTo(shop: ShopName, effect: Effect): readonly Did[] {
  const { before, after, given, heard } = effect
  const failed = effect.outcomes.filter(isFailed).length
  const told = heard.some(({ type }) => type === 'identity')
  const isOther = before.id !== after.id
  const said: Did[] = []
  if (isOther) said.push({ key: told ? 'fresh' : 'lost' })
  if (lostCart(effect)) said.push({ key: 'cart' })
  if (isOther && !told) said.push({ key: 'silent' })
  if (failed > 0) said.push({ key: 'failed', count: failed })
  if (!isOther && failed === 0) said.push({ key: 'same' })
  if (given.guests > 0) said.push({ key: 'guests', count: given.guests })
  if (shop === 'guestpass' && given.refreshes > 0) said.push({ key: 'refreshes', count: given.refreshes })
  if (isInMemory(effect)) said.push({ key: 'memory' })
  return said
}

function isInMemory({ heard }: Effect): boolean {
  return heard.some((event) => event.type === 'storage' && event.state === 'memory')
}

/** The visitor had something in the cart, and has nothing now. */
export function lostCart({ before, after }: Pick<Effect, 'before' | 'after'>): boolean {
  return thingsIn(before) > 0 && thingsIn(after) === 0
}

export function isFailed({ status }: Outcome): boolean {
  return status === 0 || status >= 400
}

function allAnswered({ outcomes }: Effect): boolean {
  return outcomes.length > 0 && !outcomes.some(isFailed)
}

function isSame(effect: Effect): boolean {
  const { before, after } = effect
  return allAnswered(effect) && after.id === before.id && thingsIn(after) === thingsIn(before)
}
