import type { Status } from 'guestpass'
import { useSession } from 'guestpass/react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'

/** The centre of each state in the drawing. */
const PLACES = {
  idle: [48, 26],
  loading: [150, 26],
  acquiring: [262, 26],
  active: [150, 92],
  refreshing: [262, 92],
  unavailable: [262, 158],
  signed_out: [48, 92],
  ended: [150, 158],
} as const satisfies Partial<Record<Status, readonly [number, number]>>

type Drawn = keyof typeof PLACES

/** The transitions of the diagram in docs/session-states.md, except those caused by other tabs: any state can become `active`. */
export const ARROWS: readonly (readonly [Drawn, Drawn])[] = [
  ['idle', 'loading'],
  ['loading', 'acquiring'],
  ['loading', 'active'],
  ['loading', 'refreshing'],
  ['acquiring', 'active'],
  ['acquiring', 'unavailable'],
  ['active', 'refreshing'],
  ['refreshing', 'active'],
  ['refreshing', 'unavailable'],
  ['refreshing', 'acquiring'],
  ['refreshing', 'ended'],
  ['unavailable', 'refreshing'],
  ['unavailable', 'active'],
  ['active', 'signed_out'],
  ['signed_out', 'acquiring'],
  ['ended', 'idle'],
]

const [HALF_WIDTH, HALF_HEIGHT] = [42, 15]

/** The states of the session. The current state and the transition that led to it are highlighted. */
export function StateMachine() {
  const { t } = useTranslation()
  const status = useSession((snapshot) => snapshot.status)
  const [last, setLast] = useState<readonly [Status | null, Status]>([null, status])
  if (last[1] !== status) setLast([last[1], status])
  return (
    <div className="card machine">
      <svg viewBox="0 0 322 184" role="img" aria-label={t('session.machine', { state: status })} data-testid="machine">
        <defs>
          <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">
            <path d="M0 0.5 8 4 0 7.5z" className="machine-tip" />
          </marker>
        </defs>
        {ARROWS.map(([from, to]) => (
          <path
            key={`${from}-${to}`}
            className="machine-arrow"
            data-taken={last[0] === from && last[1] === to}
            d={arrow(from, to)}
            markerEnd="url(#tip)"
          />
        ))}
        {(Object.keys(PLACES) as Drawn[]).map((state) => {
          const [x, y] = PLACES[state]
          return (
            <g key={state} className="machine-state" data-state={state} data-lit={state === status}>
              <rect x={x - HALF_WIDTH} y={y - HALF_HEIGHT} width={HALF_WIDTH * 2} height={HALF_HEIGHT * 2} rx="15" />
              <text x={x} y={y + 3.5}>
                {state}
              </text>
            </g>
          )
        })}
      </svg>
    </div>
  )
}

/** The path of an arrow between two states. Two opposite arrows are drawn side by side. */
function arrow(from: Drawn, to: Drawn): string {
  const [x1, y1] = PLACES[from]
  const [x2, y2] = PLACES[to]
  const both = ARROWS.some(([a, b]) => a === to && b === from)
  if (y1 === y2) {
    const right = x2 > x1
    const y = y1 + (both ? (right ? -5 : 5) : 0)
    return `M${x1 + (right ? HALF_WIDTH : -HALF_WIDTH)} ${y}H${x2 + (right ? -HALF_WIDTH : HALF_WIDTH)}`
  }
  if (x1 === x2) {
    const down = y2 > y1
    // Curves around the state between the two.
    if (Math.abs(y2 - y1) > 70)
      return `M${x1 + HALF_WIDTH} ${y1}C${x1 + 66} ${y1} ${x1 + 66} ${y2} ${x2 + HALF_WIDTH} ${y2}`
    const x = x1 + (both ? (down ? 8 : -8) : 0)
    return `M${x} ${y1 + (down ? HALF_HEIGHT : -HALF_HEIGHT)}V${y2 + (down ? -HALF_HEIGHT : HALF_HEIGHT)}`
  }
  const down = y2 > y1
  const lean = Math.sign(x2 - x1) * 26
  const [startY, endY] = [y1 + (down ? HALF_HEIGHT : -HALF_HEIGHT), y2 + (down ? -HALF_HEIGHT : HALF_HEIGHT)]
  return `M${x1 + lean} ${startY}L${x2 - lean} ${endY}`
}
