import type { Status } from 'guestpass'
import { useSession } from 'guestpass/react'
import type { ReactNode } from 'react'
import { useTranslation } from 'react-i18next'
import { remaining } from '../format'
import { useNow } from '../hooks/useNow'
import { useExpiry } from '../token-expiry'

/** The time until the access token expires. */
export function Countdown() {
  const { t } = useTranslation()
  const status = useSession((snapshot) => snapshot.status)
  const { expiresAt, lifetime } = useExpiry()
  const now = useNow(250)
  // An unavailable session has no usable token, whatever its expiry.
  const left = expiresAt === null ? null : status === 'unavailable' ? 0 : Math.max(0, expiresAt - now)
  return (
    <div className="card countdown" data-expired={left === 0}>
      <Ring share={left === null ? 0 : left / Math.max(lifetime ?? left, left, 1)}>
        <span data-testid="countdown" role="timer">
          {left === null ? '–' : remaining(left)}
        </span>
      </Ring>
      <div>
        <h3>{t('session.token')}</h3>
        <p className="quiet">{t(`session.left.${validity(left, status)}`)}</p>
      </div>
    </div>
  )
}

function validity(left: number | null, status: Status): 'none' | 'waiting' | 'expired' | 'valid' {
  if (left === null) return 'none'
  if (left === 0) return status === 'unavailable' ? 'waiting' : 'expired'
  return 'valid'
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
