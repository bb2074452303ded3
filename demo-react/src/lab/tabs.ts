// Five more tabs, as frames of the lab's page: each is a document of its own, with a session of its own.

import { hear, TAB, type TabOutcome, tell } from '../tab'
import { openTabs } from './lab'
import type { Outcome, ShopName } from './shops'
import { classic, guestpass } from './shops'
import { expireToken } from './stage'

export const TABS = 5
const PATIENCE = 30_000

/** Opens them, lets both tokens expire, has all send at one moment, and collects what became of it. */
export async function inFiveTabs(): Promise<Record<ShopName, Outcome[]>> {
  const run = crypto.randomUUID()
  const ready = heardFrom((message) => message.type === 'here' && message.ready === true)
  openTabs()
  await ready
  await Promise.all([expireToken(guestpass), expireToken(classic)])
  const outcomes: TabOutcome[] = []
  const acted = heardFrom((message) => {
    if (message.type !== 'acted' || message.run !== run) return false
    outcomes.push(message.outcome)
    return true
  })
  tell({ type: 'act', tab: TAB, run })
  await acted
  const of = (shop: ShopName) => outcomes.map((outcome) => ({ status: outcome[shop], body: null }))
  return { guestpass: of('guestpass'), classic: of('classic') }
}

/** Resolves once so many tabs have said something that counts. */
function heardFrom(counts: (message: Parameters<Parameters<typeof hear>[0]>[0]) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const tabs = new Set<string>()
    const giveUp = setTimeout(() => end(() => reject(new Error('the tabs do not answer'))), PATIENCE)
    const stop = hear((message) => {
      if (counts(message) && tabs.add(message.tab).size === TABS) end(resolve)
    })
    function end(then: () => void) {
      clearTimeout(giveUp)
      stop()
      then()
    }
  })
}
