import type { Status } from 'guestpass'
import { useSession } from 'guestpass/react'
import type { ReactNode } from 'react'
import { useExpiry } from '../expiry'
import { remaining } from '../format'
import { useNow } from '../hooks/useNow'

/** How long the access token still counts. */
export function Countdown() {
  const status = useSession((snapshot) => snapshot.status)
  const { expiresAt, lifetime } = useExpiry()
  const now = useNow(250)
  // Unavailable is a session only when its token does not count any more, whatever the clock says.
  const left = expiresAt === null ? null : status === 'unavailable' ? 0 : Math.max(0, expiresAt - now)
  return (
    <div className="card countdown" data-expired={left === 0}>
      <Ring share={left === null ? 0 : left / Math.max(lifetime ?? left, left, 1)}>
        <span data-testid="countdown" role="timer">
          {left === null ? '–' : remaining(left)}
        </span>
      </Ring>
      <div>
        <h3>Access token</h3>
        <p className="quiet">{meaning(left, status)}</p>
      </div>
    </div>
  )
}

function meaning(left: number | null, status: Status): string {
  if (left === null) return 'There is none yet, or the server did not say how long it lasts.'
  if (left === 0 && status === 'unavailable') return 'Expired. It is renewed as soon as the server answers.'
  if (left === 0) return 'Expired. The next request renews it: put something in the cart.'
  return 'Valid until the ring is empty; the next request then renews it.'
}

function Ring({ share, children }: { readonly share: number; readonly children: ReactNode }) {
  return (
    <div className="ring">
      <svg viewBox="0 0 40 40" aria-hidden="true">
        <circle className="ring-track" cx="20" cy="20" r="17.5" />
        <circle
          className="ring-left"
          data-empty={share === 0}
          cx="20"
          cy="20"
          r="17.5"
          pathLength="1"
          style={{ strokeDashoffset: 1 - share }}
        />
      </svg>
      {children}
    </div>
  )
}
