// Snapshots and events, of the numbers that the compiled machine tells.

import type { ErrorCode, SessionEvent, Snapshot, SnapshotError } from '../types.js'
import { EVENTS, FAILURES, IDENTITY_REASONS, STATUSES } from './names.js'
import type { Texts } from './texts.js'

/** @param failure - 0 where there is none. Times that are not there are not numbers. */
export function snapshotOf(
  texts: Texts,
  status: number,
  subject: number,
  expiresAt: number,
  failure: number,
  httpStatus: number,
  retryAt: number,
): Snapshot {
  return {
    status: STATUSES[status] as Snapshot['status'],
    id: texts.id(subject),
    kind: texts.kind(subject),
    expiresAt: orNull(expiresAt),
    ...(failure ? { error: { ...failureOf(failure, httpStatus), retryAt: orNull(retryAt) } as SnapshotError } : {}),
  }
}

/** What the three numbers are, depends on the event. */
export function eventOf(
  texts: Texts,
  place: number,
  at: number,
  first: number,
  second: number,
  third: number,
): SessionEvent {
  const type = EVENTS[place]
  const id = texts.id(first)
  const members = () => {
    switch (type) {
      case 'refreshed':
      case 'adopted':
        return { id, generation: second }
      case 'unauthorized':
        return { generation: first }
      case 'retrying':
        return { ...failureOf(first, second), delay: third }
      case 'identity':
        return { oldId: id, newId: texts.id(second), reason: IDENTITY_REASONS[third] }
      case 'signed_out':
        return { id, by: second ? 'another_tab' : 'this_tab', reason: third === 1 ? 'erased' : 'signed_out' }
      case 'storage':
        return first
          ? { state: 'corrupt', message: 'what was stored could not be read, and is ignored' }
          : {
              state: 'memory',
              message:
                "the storage failed, or holds what a newer Guestpass wrote; the session lives in this page's memory",
            }
      default:
        return { id }
    }
  }
  return { type, at, ...members() } as SessionEvent
}

export function failureOf(failure: number, httpStatus: number): { code: ErrorCode | 'aborted'; message: string } {
  const [code, message] = FAILURES[failure] as readonly [ErrorCode, string]
  return { code, message: message.replace('#', String(httpStatus)) }
}

function orNull(number: number): number | null {
  return Number.isNaN(number) ? null : number
}
