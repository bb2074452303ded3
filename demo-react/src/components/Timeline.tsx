import type { SessionEvent } from 'guestpass'
import { timeOfDay } from '../format'
import { useTimeline } from '../timeline'
import { eventWords } from '../words'
import { VisitorId } from './VisitorId'

/** What the session has done since the page was opened, newest first. */
export function Timeline() {
  const entries = useTimeline()
  return (
    <div className="card timeline">
      <h3 id="timeline-heading">As it happens</h3>
      <ol data-testid="event-log" aria-labelledby="timeline-heading" aria-live="polite" aria-relevant="additions">
        {entries.map(({ key, event }) => (
          <EventRow key={key} event={event} />
        ))}
      </ol>
      {entries.length === 0 && <p className="quiet">Nothing yet.</p>}
    </div>
  )
}

function EventRow({ event }: { readonly event: SessionEvent }) {
  const { title, detail } = eventWords(event)
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
