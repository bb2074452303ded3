import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ARROWS } from '../src/components/StateMachine'

const diagram = readFileSync(join(import.meta.dirname, '../../docs/session-states.md'), 'utf8')

test('every arrow of the drawing is a transition of the session machine', () => {
  const transitions = [...diagram.matchAll(/^ {4}(\w+) --> (\w+): /gm)].map(([, from, to]) => `${from} → ${to}`)

  expect(transitions.length).toBeGreaterThan(20)
  for (const [from, to] of ARROWS) expect(transitions).toContain(`${from} → ${to}`)
})
