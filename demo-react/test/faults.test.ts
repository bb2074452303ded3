// How the lab judges what it has observed under a fault.

import type { SessionEvent } from 'guestpass'
import { describe, expect, test } from 'vitest'
import { type FaultName, faults, findingsOf, lostCart, type Observation } from '../src/lab/faults'

const same: Observation = {
  before: { id: 'anonymous_a', inCart: new Map([['1', 2]]) },
  after: { id: 'anonymous_a', inCart: new Map([['1', 2]]) },
  outcomes: [{ status: 200, body: null }],
  counts: { guests: 0, logins: 0, refreshes: 1 },
  events: [],
}
const replaced: Observation = { ...same, after: { id: 'anonymous_b', inCart: new Map() } }
const identity: SessionEvent = {
  at: 0,
  type: 'identity',
  oldId: 'anonymous_a',
  newId: 'anonymous_b',
  reason: 'invalid_grant',
}
const memory: SessionEvent = { at: 0, type: 'storage', state: 'memory', message: '' }

describe('a promise is broken', () => {
  const all: FaultName[] = ['expire', 'lose', 'burst', 'locks', 'tabs', 'outage', 'tomorrow', 'storage']

  test.each(all)('when the visitor has another id: %s', (name) => {
    expect(faults[name].isKept(replaced)).toBe(false)
  })

  test.each(all)('when a request failed: %s', (name) => {
    expect(faults[name].isKept({ ...same, outcomes: [{ status: 503, body: null }] })).toBe(false)
    expect(faults[name].isKept({ ...same, outcomes: [] })).toBe(false)
  })

  test.each(['expire', 'burst', 'locks'] as const)('when there was more than one refresh: %s', (name) => {
    expect(faults[name].isKept(same)).toBe(true)
    expect(faults[name].isKept({ ...same, counts: { ...same.counts, refreshes: 2 } })).toBe(false)
  })

  test('when no event reported a revocation', () => {
    expect(faults.revoke.isKept(replaced)).toBe(false)
    expect(faults.revoke.isKept({ ...replaced, events: [identity] })).toBe(true)
  })

  test('when a new visitor got two guests, or no event reported the full storage', () => {
    const visit = { ...same, counts: { guests: 1, logins: 1, refreshes: 0 } }

    expect(faults.storage.isKept({ ...visit, events: [memory] })).toBe(true)
    expect(faults.storage.isKept(visit)).toBe(false)
    expect(faults.storage.isKept({ ...visit, events: [memory], counts: { ...visit.counts, guests: 2 } })).toBe(false)
  })
})

test('findings are ordered by severity', () => {
  const outcomes = [{ status: 0, body: null }]
  const counts = { guests: 20, logins: 20, refreshes: 0 }

  expect(findingsOf('guestpass', same)).toEqual([{ key: 'same' }, { key: 'refreshes', count: 1 }])
  expect(findingsOf('classic', { ...replaced, outcomes, counts })).toEqual([
    { key: 'lost' },
    { key: 'cart' },
    { key: 'silent' },
    { key: 'failed', count: 1 },
    { key: 'guests', count: 20 },
  ])
  expect(findingsOf('guestpass', { ...replaced, events: [identity] })).toContainEqual({ key: 'fresh' })
})

test('an empty cart cannot be lost', () => {
  expect(lostCart(replaced)).toBe(true)
  expect(lostCart({ ...replaced, before: { id: 'anonymous_a', inCart: new Map() } })).toBe(false)
})
