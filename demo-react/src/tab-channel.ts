// Messages between the tabs of this browser that show the demo: for the timeline, the five tabs of the lab, and data that has
// changed. Guestpass shares the session itself by its own means.

import type { SessionEvent } from 'guestpass'
import type { LoggedRequest } from './request-log'

/** An event or a request of a tab, as the timeline shows it. Never contains a token, a header or a body. */
export type TimelineEntry = { readonly at: number } & (
  | { readonly kind: 'event'; readonly event: SessionEvent }
  | { readonly kind: 'request'; readonly request: LoggedRequest }
)

export type TabMessage =
  /** The tab is open. `reply` asks the other tabs for the same message; `ready` means that the tab can send requests. */
  | {
      readonly type: 'open'
      readonly tab: string
      readonly opened: number
      readonly reply: boolean
      readonly ready?: boolean
    }
  | { readonly type: 'closed'; readonly tab: string }
  | { readonly type: 'entry'; readonly tab: string; readonly entry: TimelineEntry }
  /** The tab has changed the data under the query key `what`. */
  | { readonly type: 'changed'; readonly tab: string; readonly what: string }
  /** Asks the five tabs of the lab to send a request of each shop. */
  | { readonly type: 'send'; readonly tab: string; readonly run: string }
  | { readonly type: 'outcome'; readonly tab: string; readonly run: string; readonly outcome: TabOutcome }

/** The statuses of the two requests that a tab has sent, one of each shop. */
export interface TabOutcome {
  readonly guestpass: number
  readonly classic: number
  readonly id: string | null
}

export const TAB_ID = crypto.randomUUID().slice(0, 8)
/** When this tab was opened, in milliseconds since the epoch. */
export const OPENED = Date.now()

const channel = new BroadcastChannel('guestpass-demo')
const listeners = new Set<(message: TabMessage) => void>()

channel.onmessage = ({ data }: MessageEvent<TabMessage>) => {
  for (const listener of listeners) listener(data)
}

/** Sends a message to the other tabs. */
export function postTabMessage(message: TabMessage): void {
  channel.postMessage(message)
}

/** Calls `listener` with each message of another tab. Returns a function that unsubscribes. */
export function onTabMessage(listener: (message: TabMessage) => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
