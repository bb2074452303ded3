import { expect, test } from 'vitest'
import architecture from '../../ARCHITECTURE.md?raw'
import { ARROWS } from '../src/components/StateMachine'

test('every arrow that is drawn is one of the session machine', () => {
  const steps = [...architecture.matchAll(/^ {4}(\w+) --> (\w+): /gm)].map(([, from, to]) => `${from} → ${to}`)

  expect(steps.length).toBeGreaterThan(20)
  for (const [from, to] of ARROWS) expect(steps).toContain(`${from} → ${to}`)
})
