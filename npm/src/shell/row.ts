// Snapshots and events as the compiled machine hands them over: the names of the members in one text, then each member.

import type { ErrorCode, SessionEvent, Snapshot } from '../types.js'

export type Row = [names: string, ...members: unknown[]]

export function snapshotOf(row: Row): Snapshot {
  const { code, message, retryAt, ...snapshot } = objectOf(row)
  return (code
    ? { ...snapshot, error: { code: code as ErrorCode, message, retryAt } }
    : snapshot) as unknown as Snapshot
}

/** The names follow the event's type. */
export function eventOf([names, ...members]: Row, at: number): SessionEvent {
  const type = names.split(' ', 1)[0]
  return { type, at, ...objectOf([names.slice(`${type} `.length), ...members]) } as SessionEvent
}

function objectOf([names, ...members]: Row): Record<string, unknown> {
  return Object.fromEntries(names.split(' ').map((name, index) => [name, members[index]]))
}
