import { useState } from 'react'
import { useTimeline } from '../timeline'
import { IDENTITY_REASON } from '../words'
import { Icon } from './Icon'
import { VisitorId } from './VisitorId'

/** Tells a visitor who has become somebody else: from whom, to whom and why. Stays until dismissed. */
export function IdentityNotice() {
  const timeline = useTimeline()
  const [dismissed, setDismissed] = useState(-1)
  // What it says holds until the visitor changes again.
  const entry = timeline.find(({ event }) => event.type === 'identity' || event.type === 'signed_out')

  // The region is there before its content, or screen readers would not tell of it.
  return (
    <div className="notices" role="status">
      {entry?.event.type === 'identity' && entry.event.oldId !== null && entry.key > dismissed && (
        <div className="notice" data-testid="identity-notice">
          <div className="notice-head">
            <strong>{entry.event.newId ? 'You are a new guest now' : 'Your session has ended'}</strong>
            <button
              type="button"
              className="icon-button"
              aria-label="Hide this message"
              onClick={() => setDismissed(entry.key)}
            >
              <Icon name="close" />
            </button>
          </div>
          <p>{IDENTITY_REASON[entry.event.reason]}</p>
          <dl className="notice-ids">
            <dt>Before</dt>
            <dd>
              <VisitorId id={entry.event.oldId} />
            </dd>
            <dt>Now</dt>
            <dd>
              <VisitorId id={entry.event.newId} />
            </dd>
          </dl>
        </div>
      )}
    </div>
  )
}
