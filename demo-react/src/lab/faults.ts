// The faults of the lab: what each does to both shops, and what Guestpass promises under it.

import type { SessionEvent } from 'guestpass'
import { session } from '../session'
import { fillStorage, removeLocks } from './browser-faults'
import { expireToken, injectFault, revoke, type ServerCounts } from './fault-injector'
import { newClassicVisitor, newGuestpassVisitor } from './new-visitors'
import type { LabShop, Outcome, ShopName, ShopState } from './shops'
import { classic, guestpass, itemCount } from './shops'

export const FAULTS = ['expire', 'tomorrow', 'lose', 'burst', 'locks', 'tabs', 'storage', 'outage', 'revoke'] as const

export type FaultName = (typeof FAULTS)[number]

/** What the lab has observed of one shop while a fault was active. */
export interface Observation {
  readonly before: ShopState
  readonly after: ShopState
  readonly outcomes: readonly Outcome[]
  /** How many guests, log-ins and refreshes the server has counted. */
  readonly counts: ServerCounts
  /** The events of the session. Always empty for the shop with interceptors, which has no events. */
  readonly events: readonly SessionEvent[]
}

/** The actions that a fault can use. The lab records what they cause. */
export interface FaultActions {
  /** Sends a number of requests of a shop at the same time. */
  readonly send: (shop: LabShop, count: number) => Promise<void>
  /** Records an event of a session other than the page's. */
  readonly onEvent: (event: SessionEvent) => void
  /** Opens five tabs, and lets each send a request of both shops at the same moment. */
  readonly inFiveTabs: () => Promise<void>
}

interface Fault {
  /** The server refuses a token that the session takes for valid, so that the session gets a 401. */
  readonly causes401?: true
  readonly run: (actions: FaultActions) => Promise<void>
  /** Whether Guestpass has kept its promise. */
  readonly isKept: (observation: Observation) => boolean
}

/** Expires the tokens of both shops at the server. The session learns it too, as it knows when a real token expires. */
async function expireBoth(): Promise<void> {
  await Promise.all([expireToken(guestpass), expireToken(classic)])
  session.expire()
}

const sendBoth = ({ send }: FaultActions, count: number) => Promise.all([send(guestpass, count), send(classic, count)])

export const faults: Readonly<Record<FaultName, Fault>> = {
  expire: {
    async run(actions) {
      await expireBoth()
      await sendBoth(actions, 1)
    },
    isKept: (observation) => isSame(observation) && observation.counts.refreshes === 1,
  },
  lose: {
    async run(actions) {
      await injectFault('lose-answer')
      await expireBoth()
      await sendBoth(actions, 1)
    },
    // The response of the first refresh is lost; the second one succeeds.
    isKept: (observation) => isSame(observation) && observation.counts.refreshes === 2,
  },
  revoke: {
    causes401: true,
    async run(actions) {
      await Promise.all([revoke(guestpass), revoke(classic)])
      await sendBoth(actions, 1)
    },
    isKept: (observation) =>
      allSucceeded(observation) &&
      observation.after.id !== observation.before.id &&
      observation.events.some((event) => event.type === 'identity' && event.reason === 'invalid_grant'),
  },
  outage: {
    async run(actions) {
      await expireBoth()
      await injectFault('outage')
      await sendBoth(actions, 1)
    },
    isKept: isSame,
  },
  tomorrow: {
    causes401: true,
    async run(actions) {
      await injectFault('tomorrow')
      await sendBoth(actions, 1)
    },
    isKept: (observation) => isSame(observation) && observation.counts.guests === 0,
  },
  storage: {
    async run(actions) {
      const visitors = [newGuestpassVisitor(actions.onEvent), newClassicVisitor()]
      const undo = fillStorage()
      try {
        for (const { shop } of visitors) {
          for (let request = 0; request < 3; request += 1) await actions.send(shop, 1)
        }
      } finally {
        undo()
        for (const { leave } of visitors) leave()
      }
    },
    isKept: (observation) => isSame(observation) && observation.counts.guests === 1 && isInMemory(observation),
  },
  locks: {
    async run(actions) {
      const undo = removeLocks()
      try {
        await expireBoth()
        await sendBoth(actions, 20)
      } finally {
        undo()
      }
    },
    isKept: (observation) => isSame(observation) && observation.counts.refreshes === 1,
  },
  burst: {
    async run(actions) {
      await expireBoth()
      await sendBoth(actions, 20)
    },
    isKept: (observation) => isSame(observation) && observation.counts.refreshes === 1,
  },
  tabs: {
    run: (actions) => actions.inFiveTabs(),
    // One tab refreshes under the lock that all tabs share, and the others adopt its token. A tab that still reads an old
    // value of the storage may refresh once more, and gets the same token.
    isKept: (observation) =>
      isSame(observation) && observation.counts.guests === 0 && observation.counts.refreshes <= 5,
  },
}

/** A statement about a shop after a fault. The keys are those of `lab.did` in the texts of the demo. */
export type Finding =
  | { readonly key: 'same' | 'fresh' | 'lost' | 'silent' | 'cart' | 'memory' }
  | { readonly key: 'failed' | 'guests' | 'refreshes'; readonly count: number }

/** Describes what a fault did to a shop, the most severe finding first. */
export function findingsOf(shop: ShopName, observation: Observation): readonly Finding[] {
  const { before, after, counts, events } = observation
  const failed = observation.outcomes.filter(isFailed).length
  const reported = events.some(({ type }) => type === 'identity')
  const isOther = before.id !== after.id
  const findings: Finding[] = []
  if (isOther) findings.push({ key: reported ? 'fresh' : 'lost' })
  if (lostCart(observation)) findings.push({ key: 'cart' })
  if (isOther && !reported) findings.push({ key: 'silent' })
  if (failed > 0) findings.push({ key: 'failed', count: failed })
  if (!isOther && failed === 0) findings.push({ key: 'same' })
  if (counts.guests > 0) findings.push({ key: 'guests', count: counts.guests })
  if (shop === 'guestpass' && counts.refreshes > 0) findings.push({ key: 'refreshes', count: counts.refreshes })
  if (isInMemory(observation)) findings.push({ key: 'memory' })
  return findings
}

function isInMemory({ events }: Observation): boolean {
  return events.some((event) => event.type === 'storage' && event.state === 'memory')
}

/** Whether the cart had items before the fault and is empty after it. */
export function lostCart({ before, after }: Pick<Observation, 'before' | 'after'>): boolean {
  return itemCount(before) > 0 && itemCount(after) === 0
}

export function isFailed({ status }: Outcome): boolean {
  return status === 0 || status >= 400
}

function allSucceeded({ outcomes }: Observation): boolean {
  return outcomes.length > 0 && !outcomes.some(isFailed)
}

/** Whether all requests succeeded, and the visitor and the cart are the same as before. */
function isSame(observation: Observation): boolean {
  const { before, after } = observation
  return allSucceeded(observation) && after.id === before.id && itemCount(after) === itemCount(before)
}
