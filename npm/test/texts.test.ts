// The texts that the compiled machine names by number, and what is said of its numbers.

import { expect, test } from 'vitest'
import { keepTexts } from '../src/shell/texts.js'
import { eventOf, failureOf, snapshotOf } from '../src/shell/view.js'

test('equal texts have one number, and none has none', () => {
  const texts = keepTexts()
  const one = texts.number('one')

  expect(texts.number('one')).toBe(one)
  expect(texts.number('two')).not.toBe(one)
  expect(texts.text(one)).toBe('one')
  expect([texts.number(undefined), texts.number(''), texts.subject(undefined)]).toEqual([0, 0, 0])
  expect([texts.text(0), texts.id(0), texts.kind(0)]).toEqual([undefined, null, null])
  expect(texts.number('invalid_grant'), 'as the machine knows it').toBe(1)
})

test.each([
  ['anonymous_1b4e', 'guest'],
  ['user_1b4e', 'user'],
  ['somebody', null],
  ['anonymous_\n1', 'guest'],
])('an id comes back as it was: %j', (id, kind) => {
  const texts = keepTexts()
  const subject = texts.subject(id)

  expect([texts.id(subject), texts.kind(subject)]).toEqual([id, kind])
})

test('a guest and the member whom they become differ in the kind only', () => {
  const { subject } = keepTexts()

  expect(subject('anonymous_1b4e') >> 2).toBe(subject('user_1b4e') >> 2)
  expect(subject('anonymous_1b4e')).not.toBe(subject('user_1b4e'))
})

test('what the machine does not hold is forgotten, and gets another number when it comes again', () => {
  const texts = keepTexts()
  const [held, left] = [texts.number('held'), texts.number('left')]

  texts.forget((number) => number === held)

  expect([texts.text(held), texts.text(left)]).toEqual(['held', undefined])
  expect(texts.number('invalid_grant')).toBe(1)
  expect(texts.number('left')).toBeGreaterThan(left)
})

test('every failure has a code and says what happened', () => {
  const said = [1, 2, 3, 4, 5, 6, 7, 8].map((failure) => failureOf(failure, 503))

  expect(said.map(({ code }) => code)).toEqual([
    'network',
    'timeout',
    'unavailable',
    'rejected',
    'session_ended',
    'signed_out',
    'aborted',
    'closed',
  ])
  expect(said.map(({ message }) => message).filter((message) => message.includes('503'))).toHaveLength(2)
})

test('a snapshot of numbers', () => {
  const texts = keepTexts()

  expect(snapshotOf(texts, 3, texts.subject('user_1'), 1000, 0, 0, Number.NaN)).toEqual({
    status: 'active',
    id: 'user_1',
    kind: 'user',
    expiresAt: 1000,
  })
  expect(snapshotOf(texts, 5, 0, Number.NaN, 3, 503, 2000)).toEqual({
    status: 'unavailable',
    id: null,
    kind: null,
    expiresAt: null,
    error: { code: 'unavailable', message: expect.stringContaining('HTTP 503'), retryAt: 2000 },
  })
})

test('events of numbers', () => {
  const texts = keepTexts()
  const [old, now] = [texts.subject('anonymous_1'), texts.subject('user_2')]

  expect([
    eventOf(texts, 3, 9, old, 4, 0),
    eventOf(texts, 6, 9, 1, 0, 500),
    eventOf(texts, 7, 9, old, now, 5),
    eventOf(texts, 8, 9, old, 1, 1),
    eventOf(texts, 9, 9, 0, 0, 0),
  ]).toMatchObject([
    { type: 'refreshed', at: 9, id: 'anonymous_1', generation: 4 },
    { type: 'retrying', code: 'network', delay: 500 },
    { type: 'identity', oldId: 'anonymous_1', newId: 'user_2', reason: 'logged_in' },
    { type: 'signed_out', id: 'anonymous_1', by: 'another_tab', reason: 'erased' },
    { type: 'storage', state: 'memory' },
  ])
})
