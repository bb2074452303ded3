import { useSession } from 'guestpass/react'
import { useState } from 'react'
import { useMediaQuery } from '../hooks/useMediaQuery'
import { KIND_NAME, STATUS_MEANING } from '../words'
import { CopyButton } from './CopyButton'
import { Countdown } from './Countdown'
import { Icon } from './Icon'
import { SessionActions } from './SessionActions'
import { Timeline } from './Timeline'
import { VisitorId } from './VisitorId'

// The same width as in layout.css.
const DOCKED = '(min-width: 56rem)'

/** A look behind the counter: beside the shop, or folded away at the bottom of a small screen. */
export function SessionPanel() {
  const docked = useMediaQuery(DOCKED)
  const [unfolded, setUnfolded] = useState(false)
  const { status, id } = useSession()
  const open = docked || unfolded
  return (
    <section className="session" data-open={open} aria-label="Your session">
      {!docked && (
        <button
          type="button"
          className="session-bar"
          aria-expanded={open}
          aria-controls="session-body"
          onClick={() => setUnfolded(!unfolded)}
        >
          <span className="dot" data-status={status} />
          <span className="session-bar-title">Your session</span>
          {!open && <VisitorId id={id} />}
          <Icon name="chevron" />
        </button>
      )}
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and has to without a mouse, also while its buttons are disabled */}
      <div id="session-body" className="session-body" hidden={!open} tabIndex={0}>
        {docked && (
          <div className="session-title">
            <h2>Your session</h2>
            <p>What Guestpass does for this visitor, as it happens.</p>
          </div>
        )}
        <Visitor />
        <Countdown />
        <SessionActions />
        <Timeline />
        {docked && (
          <p className="console-hint">
            The session is yours to try in the console: <code>await guestpass.fetch('/me')</code>
          </p>
        )}
      </div>
    </section>
  )
}

function Visitor() {
  const { status, id, kind } = useSession()
  return (
    <div className="card visitor">
      <div className="visitor-head">
        <h3>Visitor</h3>
        {kind && <span className="badge">{KIND_NAME[kind]}</span>}
        <span className="status" data-testid="status" data-status={status} role="status">
          <span className="dot" data-status={status} />
          {status}
        </span>
      </div>
      <div className="visitor-row">
        <VisitorId id={id} testId="visitor-id" />
        {id && <CopyButton text={id} label="Copy the id" />}
      </div>
      <p className="quiet">{STATUS_MEANING[status]}</p>
    </div>
  )
}
