import type { SessionEvent } from 'guestpass'
import { useSyncExternalStore } from 'react'
import { session } from './session'
import { hear, type Mark, OPENED, TAB, tell } from './tab'
import { onWire } from './wire'

/** An event of this tab's session, with a number that tells equal ones apart. */
export interface TimelineEntry {
  readonly key: number
  readonly event: SessionEvent
}

/** What happened in one tab, the newest last. */
export interface Lane {
  readonly tab: string
  readonly opened: number
  readonly own: boolean
  readonly gone: boolean
  readonly marks: readonly (Mark & { readonly key: number })[]
}

const KEPT_ENTRIES = 60
const KEPT_MARKS = 240
const KEPT_LANES = 8

let recorded = 0
let entries: readonly TimelineEntry[] = []
let lanes: readonly Lane[] = [{ tab: TAB, opened: OPENED, own: true, gone: false, marks: [] }]
const listeners = new Set<() => void>()

/** What this tab's session has told since the page was opened, newest first. */
export function useTimeline(): readonly TimelineEntry[] {
  return useSyncExternalStore(subscribe, () => entries)
}

/** What has happened in each tab of this browser, this one first. */
export function useLanes(): readonly Lane[] {
  return useSyncExternalStore(subscribe, () => lanes)
}

// Listening starts with the module, not with a component, so that the very first events are not missed.
session.onEvent((event) => {
  entries = [{ key: recorded++, event }, ...entries].slice(0, KEPT_ENTRIES)
  own({ kind: 'event', at: event.at, event })
})

onWire((wire) => own({ kind: 'request', at: Date.now(), wire }))

hear((message) => {
  if (message.type === 'here') {
    lane(message.tab, message.opened)
    if (message.answer) tell({ type: 'here', tab: TAB, opened: OPENED, answer: false })
  }
  if (message.type === 'mark') add(message.tab, message.mark)
  if (message.type === 'gone') update(message.tab, (lane) => ({ ...lane, gone: true }))
})

tell({ type: 'here', tab: TAB, opened: OPENED, answer: true })
window.addEventListener('pagehide', () => tell({ type: 'gone', tab: TAB }))
window.addEventListener('pageshow', () => tell({ type: 'here', tab: TAB, opened: OPENED, answer: false }))

function own(mark: Mark): void {
  add(TAB, mark)
  tell({ type: 'mark', tab: TAB, mark })
}

function add(tab: string, mark: Mark): void {
  lane(tab, mark.at)
  const key = recorded++
  update(tab, (lane) => ({ ...lane, gone: false, marks: [...lane.marks, { ...mark, key }].slice(-KEPT_MARKS) }))
}

/** Makes a lane for a tab that is new; the tab that has been gone the longest makes room. */
function lane(tab: string, opened: number): void {
  if (lanes.some((lane) => lane.tab === tab)) {
    update(tab, (lane) => ({ ...lane, gone: false }))
    return
  }
  const spare = lanes.length < KEPT_LANES ? undefined : (lanes.find(({ gone }) => gone) ?? lanes[1])
  lanes = [...lanes.filter((lane) => lane !== spare), { tab, opened, own: false, gone: false, marks: [] }]
  changed()
}

function update(tab: string, change: (lane: Lane) => Lane): void {
  lanes = lanes.map((lane) => (lane.tab === tab ? change(lane) : lane))
  changed()
}

function changed(): void {
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
