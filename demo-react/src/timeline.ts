// The events and requests of this tab and of the other tabs of this browser, for the event log and the timeline of the lab.

import type { SessionEvent } from 'guestpass'
import { useSyncExternalStore } from 'react'
import { onRequest } from './request-log'
import { session } from './session'
import { OPENED, onTabMessage, postTabMessage, TAB_ID, type TimelineEntry } from './tab-channel'

/** An event of this tab's session. The key tells equal events apart. */
export interface LoggedEvent {
  readonly key: number
  readonly event: SessionEvent
}

/** The entries of one tab, the newest last. */
export interface Lane {
  readonly tab: string
  readonly opened: number
  /** Whether it is the lane of this tab. */
  readonly own: boolean
  readonly closed: boolean
  readonly entries: readonly (TimelineEntry & { readonly key: number })[]
}

const MAX_EVENTS = 60
const MAX_ENTRIES = 240
const MAX_LANES = 8

let nextKey = 0
let events: readonly LoggedEvent[] = []
let lanes: readonly Lane[] = [{ tab: TAB_ID, opened: OPENED, own: true, closed: false, entries: [] }]
const listeners = new Set<() => void>()

/** The events of this tab's session since the page was opened, newest first. */
export function useEventLog(): readonly LoggedEvent[] {
  return useSyncExternalStore(subscribe, () => events)
}

/** The lanes of all tabs of this browser, this tab first. */
export function useLanes(): readonly Lane[] {
  return useSyncExternalStore(subscribe, () => lanes)
}

// The module itself listens, not a component, so that no early event is missed.
session.onEvent((event) => {
  events = [{ key: nextKey++, event }, ...events].slice(0, MAX_EVENTS)
  addOwn({ kind: 'event', at: event.at, event })
})

onRequest((request) => addOwn({ kind: 'request', at: Date.now(), request }))

onTabMessage((message) => {
  if (message.type === 'open') {
    openLane(message.tab, message.opened)
    if (message.reply) postTabMessage({ type: 'open', tab: TAB_ID, opened: OPENED, reply: false })
  }
  if (message.type === 'entry') add(message.tab, message.entry)
  if (message.type === 'closed') update(message.tab, (lane) => ({ ...lane, closed: true }))
})

postTabMessage({ type: 'open', tab: TAB_ID, opened: OPENED, reply: true })
window.addEventListener('pagehide', () => postTabMessage({ type: 'closed', tab: TAB_ID }))
window.addEventListener('pageshow', () => postTabMessage({ type: 'open', tab: TAB_ID, opened: OPENED, reply: false }))

function addOwn(entry: TimelineEntry): void {
  add(TAB_ID, entry)
  postTabMessage({ type: 'entry', tab: TAB_ID, entry })
}

function add(tab: string, entry: TimelineEntry): void {
  openLane(tab, entry.at)
  const key = nextKey++
  update(tab, (lane) => ({
    ...lane,
    closed: false,
    entries: [...lane.entries, { ...entry, key }].slice(-MAX_ENTRIES),
  }))
}

/** Adds a lane for a new tab. When there are too many, it replaces the oldest lane of a closed tab, or of another tab. */
function openLane(tab: string, opened: number): void {
  if (lanes.some((lane) => lane.tab === tab)) {
    update(tab, (lane) => ({ ...lane, closed: false }))
    return
  }
  const replaced = lanes.length < MAX_LANES ? undefined : (lanes.find(({ closed }) => closed) ?? lanes[1])
  lanes = [...lanes.filter((lane) => lane !== replaced), { tab, opened, own: false, closed: false, entries: [] }]
  notify()
}

function update(tab: string, change: (lane: Lane) => Lane): void {
  lanes = lanes.map((lane) => (lane.tab === tab ? change(lane) : lane))
  notify()
}

function notify(): void {
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
