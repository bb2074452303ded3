import type { SessionEvent } from 'guestpass'
import { useSyncExternalStore } from 'react'
import { session } from './session'

/** An event of the session, with a number that tells equal ones apart. */
export interface TimelineEntry {
  readonly key: number
  readonly event: SessionEvent
}

const KEPT = 60

let entries: readonly TimelineEntry[] = []
let recorded = 0
const listeners = new Set<() => void>()

// Listening starts with the module, not with a component, so that the very first events are not missed.
session.onEvent((event) => {
  entries = [{ key: recorded++, event }, ...entries].slice(0, KEPT)
  for (const listener of listeners) listener()
})

/** What the session has told since the page was opened, newest first. */
export function useTimeline(): readonly TimelineEntry[] {
  return useSyncExternalStore(subscribe, () => entries)
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
