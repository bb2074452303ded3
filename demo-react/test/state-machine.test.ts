import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ARROWS } from '../src/components/StateMachine'

const diagram = readFileSync(join(import.meta.dirname, '../../docs/session-states.md'), 'utf8')

test('every arrow that is drawn is one of the session machine', () => {
  const steps = [...diagram.matchAll(/^ {4}(\w+) --> (\w+): /gm)].map(([, from, to]) => `${from} → ${to}`)

  expect(steps.length).toBeGreaterThan(20)
  for (const [from, to] of ARROWS) expect(steps).toContain(`${from} → ${to}`)
})
