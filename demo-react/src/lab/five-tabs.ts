// The fault of the five tabs. The tabs are frames of the lab's page: each is a document with a session of its own.

import { onTabMessage, postTabMessage, TAB_ID, type TabMessage, type TabOutcome } from '../tab-channel'
import { expireToken } from './fault-injector'
import { openTabs } from './lab'
import type { Outcome, ShopName } from './shops'
import { classic, guestpass } from './shops'

export const TABS = 5

/** How long the lab waits for the tabs, in milliseconds. */
const TIMEOUT = 30_000

/** Opens the tabs, expires the tokens of both shops, lets all tabs send at one moment, and returns the outcomes. */
export async function inFiveTabs(): Promise<Record<ShopName, Outcome[]>> {
  const run = crypto.randomUUID()
  const ready = fromAllTabs((message) => message.type === 'open' && message.ready === true)
  openTabs()
  await ready
  await Promise.all([expireToken(guestpass), expireToken(classic)])
  const outcomes: TabOutcome[] = []
  const sent = fromAllTabs((message) => {
    if (message.type !== 'outcome' || message.run !== run) return false
    outcomes.push(message.outcome)
    return true
  })
  postTabMessage({ type: 'send', tab: TAB_ID, run })
  await sent
  const of = (shop: ShopName) => outcomes.map((outcome) => ({ status: outcome[shop], body: null }))
  return { guestpass: of('guestpass'), classic: of('classic') }
}

/** Resolves when each of the five tabs has posted a message that `matches`. */
function fromAllTabs(matches: (message: TabMessage) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const tabs = new Set<string>()
    const timer = setTimeout(() => end(() => reject(new Error('the five tabs did not respond in time'))), TIMEOUT)
    const stop = onTabMessage((message) => {
      if (matches(message) && tabs.add(message.tab).size === TABS) end(resolve)
    })
    function end(settle: () => void) {
      clearTimeout(timer)
      stop()
      settle()
    }
  })
}
