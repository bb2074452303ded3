import type { SessionEvent } from 'guestpass'
import { useTranslation } from 'react-i18next'
import { secondsLeft, timeOfDay } from '../format'
import { useEventLog } from '../timeline'
import { reasonKey } from './OutageBanner'
import { VisitorId } from './VisitorId'

/** The events of the session since the page was opened, newest first. */
export function EventLog() {
  const { t } = useTranslation()
  const entries = useEventLog()
  return (
    <div className="card timeline">
      <h3 id="timeline-heading">{t('session.happens')}</h3>
      <ol data-testid="event-log" aria-labelledby="timeline-heading" aria-live="polite" aria-relevant="additions">
        {entries.map(({ key, event }) => (
          <EventRow key={key} event={event} />
        ))}
      </ol>
      {entries.length === 0 && <p className="quiet">{t('session.nothing')}</p>}
    </div>
  )
}

function EventRow({ event }: { readonly event: SessionEvent }) {
  const words = useEventWords()
  const { title, detail } = words(event)
  return (
    <li className="event" data-type={event.type}>
      <div className="event-head">
        <span className="event-title">{title}</span>
        <time dateTime={new Date(event.at).toISOString()}>{timeOfDay(event.at)}</time>
      </div>
      <p className="quiet">{detail}</p>
      {event.type === 'identity' && (
        <p className="event-ids">
          <VisitorId id={event.oldId} />
          <span aria-hidden="true">↓</span>
          <VisitorId id={event.newId} />
        </p>
      )}
    </li>
  )
}

/** Returns a function that describes an event in words: a title and a sentence. */
export function useEventWords(): (event: SessionEvent) => { readonly title: string; readonly detail: string } {
  const { t } = useTranslation()
  return (event) => {
    const key = keyOf(event)
    const values = {
      type: event.type,
      generation: 'generation' in event ? event.generation : '',
      reason:
        event.type === 'retrying'
          ? t(reasonKey(event.code))
          : event.type === 'identity'
            ? t(`session.identity.${event.reason}`)
            : '',
      seconds: event.type === 'retrying' ? secondsLeft(event.delay) : '',
    }
    return { title: t(`session.events.${key}.title`, values), detail: t(`session.events.${key}.detail`, values) }
  }
}

function keyOf(event: SessionEvent) {
  switch (event.type) {
    case 'identity':
      return event.reason === 'registered' || event.reason === 'logged_in' ? 'member' : 'identity'
    case 'signed_out':
      if (event.reason === 'erased') return 'erased'
      return event.by === 'this_tab' ? 'signed_out_here' : 'signed_out_elsewhere'
    case 'storage':
      return event.state === 'corrupt' ? 'storage_corrupt' : 'storage_memory'
    default:
      return event.type
  }
}
