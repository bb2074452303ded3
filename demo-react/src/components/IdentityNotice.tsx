import type { SessionEvent } from 'guestpass'
import { X } from 'lucide-react'
import { useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useEventLog } from '../timeline'
import { VisitorId } from './VisitorId'

/** Tells the visitor that their id has changed, with both ids and the reason. Stays until dismissed. */
export function IdentityNotice() {
  const { t } = useTranslation()
  const timeline = useEventLog()
  const [dismissed, setDismissed] = useState(-1)
  // The notice is outdated after the next change of the visitor.
  const entry = timeline.find(({ event }) => event.type === 'identity' || event.type === 'signed_out')

  // Screen readers announce the content only when the region exists before it.
  return (
    <div className="notices" role="status">
      {entry?.event.type === 'identity' && entry.event.oldId !== null && entry.key > dismissed && (
        <div className="notice" data-testid="identity-notice">
          <div className="notice-head">
            <strong>{t(titleOf(entry.event))}</strong>
            <button
              type="button"
              className="icon-button"
              aria-label={t('notice.hide')}
              onClick={() => setDismissed(entry.key)}
            >
              <X className="icon" aria-hidden="true" />
            </button>
          </div>
          <p>{t(`session.identity.${entry.event.reason}`)}</p>
          <dl className="notice-ids">
            <dt>{t('notice.before')}</dt>
            <dd>
              <VisitorId id={entry.event.oldId} />
            </dd>
            <dt>{t('notice.now')}</dt>
            <dd>
              <VisitorId id={entry.event.newId} />
            </dd>
          </dl>
        </div>
      )}
    </div>
  )
}

function titleOf({ newId, reason }: Extract<SessionEvent, { type: 'identity' }>) {
  if (newId === null) return 'notice.ended'
  return reason === 'registered' || reason === 'logged_in' ? 'notice.member' : 'notice.newGuest'
}
