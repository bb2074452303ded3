// What the lab makes of what it has seen.

import type { SessionEvent } from 'guestpass'
import { describe, expect, test } from 'vitest'
import type { Effect, FaultName } from '../src/lab/faults'

import { didTo, faults, lostCart } from '../src/lab/faults'

const kept: Effect = {
  before: { id: 'anonymous_a', inCart: new Map([[1, 2]]) },
  after: { id: 'anonymous_a', inCart: new Map([[1, 2]]) },
  outcomes: [{ status: 200, body: null }],
  given: { guests: 0, logins: 0, refreshes: 1 },
  heard: [],
}
const replaced: Effect = { ...kept, after: { id: 'anonymous_b', inCart: new Map() } }
const identity: SessionEvent = {
  at: 0,
  type: 'identity',
  oldId: 'anonymous_a',
  newId: 'anonymous_b',
  reason: 'invalid_grant',
}
const memory: SessionEvent = { at: 0, type: 'storage', state: 'memory', message: '' }

describe('a promise is not kept', () => {
  const all: FaultName[] = ['expire', 'lose', 'burst', 'locks', 'tabs', 'outage', 'tomorrow', 'storage']

  test.each(all)('when the visitor became somebody else: %s', (name) => {
    expect(faults[name].held(replaced)).toBe(false)
  })

  test.each(all)('when a request failed: %s', (name) => {
    expect(faults[name].held({ ...kept, outcomes: [{ status: 503, body: null }] })).toBe(false)
    expect(faults[name].held({ ...kept, outcomes: [] })).toBe(false)
  })

  test.each(['expire', 'burst', 'locks'] as const)('when more than one refresh was needed: %s', (name) => {
    expect(faults[name].held(kept)).toBe(true)
    expect(faults[name].held({ ...kept, given: { ...kept.given, refreshes: 2 } })).toBe(false)
  })

  test('when nobody was told of a revocation', () => {
    expect(faults.revoke.held(replaced)).toBe(false)
    expect(faults.revoke.held({ ...replaced, heard: [identity] })).toBe(true)
  })

  test('when a newcomer was made twice, or was not told where they are kept', () => {
    const newcomer = { ...kept, given: { guests: 1, logins: 1, refreshes: 0 } }

    expect(faults.storage.held({ ...newcomer, heard: [memory] })).toBe(true)
    expect(faults.storage.held(newcomer)).toBe(false)
    expect(faults.storage.held({ ...newcomer, heard: [memory], given: { ...newcomer.given, guests: 2 } })).toBe(false)
  })
})

test('what happened is told, the worst first', () => {
  const outcomes = [{ status: 0, body: null }]
  const given = { guests: 20, logins: 20, refreshes: 0 }

  expect(didTo('guestpass', kept)).toEqual([{ key: 'same' }, { key: 'refreshes', count: 1 }])
  expect(didTo('classic', { ...replaced, outcomes, given })).toEqual([
    { key: 'lost' },
    { key: 'cart' },
    { key: 'silent' },
    { key: 'failed', count: 1 },
    { key: 'guests', count: 20 },
  ])
  expect(didTo('guestpass', { ...replaced, heard: [identity] })).toContainEqual({ key: 'fresh' })
})

test('an empty cart cannot be lost', () => {
  expect(lostCart(replaced)).toBe(true)
  expect(lostCart({ ...replaced, before: { id: 'anonymous_a', inCart: new Map() } })).toBe(false)
})
