import { useSession } from 'guestpass/react'
import { ChevronUp, Hourglass, LogOut } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useMediaQuery } from '../hooks/useMediaQuery'
import { session } from '../session'
import { expireNow } from '../token-expiry'
import { CopyButton } from './CopyButton'
import { Countdown } from './Countdown'
import { EventLog } from './EventLog'
import { StateMachine } from './StateMachine'
import { VisitorId } from './VisitorId'

// The same width as in layout.css.
const DOCKED = '(min-width: 60rem)'

/** Shows the state of the session: beside the shop, or as a bar at the bottom of a small screen. */
export function SessionPanel() {
  const { t } = useTranslation()
  const docked = useMediaQuery(DOCKED)
  const [unfolded, setUnfolded] = useState(false)
  const { status, id } = useSession()
  const open = docked || unfolded
  return (
    <section className="session" data-open={open} aria-label={t('session.heading')}>
      {!docked && (
        <button
          type="button"
          className="session-bar"
          aria-expanded={open}
          aria-controls="session-body"
          onClick={() => setUnfolded(!unfolded)}
        >
          <span className="dot" data-status={status} />
          <span className="session-bar-title">{t('session.heading')}</span>
          {!open && <VisitorId id={id} />}
          <ChevronUp className="icon" aria-hidden="true" />
        </button>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the panel must scroll with the keyboard, also while its buttons are disabled */}
      <div id="session-body" className="session-body" hidden={!open} tabIndex={0}>
        {docked && (
          <div className="session-title">
            <h2>{t('session.heading')}</h2>
            <p>{t('session.intro')}</p>
          </div>
        )}
        <Visitor />
        <StateMachine />
        <Countdown />
        <Actions />
        <EventLog />
        {docked && (
          <p className="console-hint">
            {t('session.console')} <code>await guestpass.fetch('/me')</code>
          </p>
        )}
      </div>
    </section>
  )
}

function Visitor() {
  const { t } = useTranslation()
  const { status, id, kind } = useSession()
  return (
    <div className="card visitor">
      <div className="visitor-head">
        <h3>{t('session.visitor')}</h3>
        {kind && <span className="badge">{t(`session.kinds.${kind}`)}</span>}
        <span className="status" data-testid="status" data-status={status} role="status">
          <span className="dot" data-status={status} />
          {status}
        </span>
      </div>
      <div className="visitor-row">
        <VisitorId id={id} testId="visitor-id" />
        {id && <CopyButton text={id} label={t('session.copy')} />}
      </div>
      <p className="quiet">{t(`session.status.${status}`)}</p>
    </div>
  )
}

/** Two buttons that change the session, each with a description of the effect. */
function Actions() {
  const { t } = useTranslation()
  const hasSession = useSession(({ id, expiresAt }) => id !== null || expiresAt !== null)
  return (
    <div className="actions">
      <div className="action">
        <button
          type="button"
          className="button"
          data-testid="expire"
          disabled={!hasSession}
          onClick={expireNow}
          aria-describedby="expire-meaning"
        >
          <Hourglass className="icon" aria-hidden="true" />
          {t('session.expire')}
        </button>
        <p id="expire-meaning" className="quiet">
          {t('session.expireHint')}
        </p>
      </div>
      <div className="action">
        <button
          type="button"
          className="button"
          data-testid="sign-out"
          disabled={!hasSession}
          onClick={() => void session.signOut()}
          aria-describedby="sign-out-meaning"
        >
          <LogOut className="icon" aria-hidden="true" />
          {t('session.signOut')}
        </button>
        <p id="sign-out-meaning" className="quiet">
          {t('session.signOutHint')}
        </p>
      </div>
    </div>
  )
}
