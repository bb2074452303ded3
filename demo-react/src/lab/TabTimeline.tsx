import { useTranslation } from 'react-i18next'
import { useEventWords } from '../components/EventLog'
import { timeOfDay } from '../format'
import { useNow } from '../hooks/useNow'
import { type Lane, useLanes } from '../timeline'

/** The period that the timeline shows, in milliseconds. */
const PERIOD = 30_000
/** How many entries the list of the latest entries has. */
const LATEST = 8

type Entry = Lane['entries'][number]

/** The requests and session events of all tabs of this browser over time, with a lane for each tab. */
export function TabTimeline() {
  const { t } = useTranslation()
  const lanes = useLanes()
  const now = useNow(250)
  const name = useLaneName(lanes)
  const describe = useDescription()
  const latest = lanes
    .flatMap((lane) => lane.entries.map((entry) => ({ lane, entry })))
    .sort((one, other) => other.entry.at - one.entry.at)
    .slice(0, LATEST)
  return (
    <section className="lanes" aria-labelledby="lanes">
      <h2 id="lanes">{t('lab.timeline')}</h2>
      <p className="quiet">{t('lab.timelineHint')}</p>
      <ul className="legend">
        {(['request', 'token', 'event', 'refused', 'classic'] as const).map((tone) => (
          <li key={tone}>
            <i className="mark" data-tone={tone} /> {t(`lab.legend.${tone}`)}
          </li>
        ))}
      </ul>
      <div className="lane-chart" data-testid="lanes">
        {lanes.map((lane) => (
          <div key={lane.tab} className="lane" data-closed={lane.closed}>
            <span className="lane-name">{name(lane)}</span>
            <div className="lane-track" aria-hidden="true">
              {lane.entries
                .filter(({ at }) => now - at < PERIOD)
                .map((entry) => (
                  <i
                    key={entry.key}
                    className="mark"
                    data-tone={toneOf(entry)}
                    style={{ left: `${Math.min(100, 100 - ((now - entry.at) / PERIOD) * 100)}%` }}
                    title={describe(entry)}
                  />
                ))}
            </div>
          </div>
        ))}
      </div>
      <h3>{t('lab.latest')}</h3>
      <ol className="latest">
        {latest.map(({ lane, entry }) => (
          <li key={entry.key}>
            <time>{timeOfDay(entry.at)}</time>
            <i className="mark" data-tone={toneOf(entry)} />
            <span className="latest-tab">{name(lane)}</span>
            <span className="latest-what">{describe(entry)}</span>
          </li>
        ))}
      </ol>
    </section>
  )
}

function useLaneName(lanes: readonly Lane[]): (lane: Lane) => string {
  const { t } = useTranslation()
  return (lane) => {
    if (lane.own) return t('lab.thisTab')
    const name = t('lab.otherTab', { number: lanes.indexOf(lane) + 1 })
    return lane.closed ? t('lab.goneTab', { name }) : name
  }
}

function useDescription(): (entry: Entry) => string {
  const { t } = useTranslation()
  const eventWords = useEventWords()
  return (entry) => {
    if (entry.kind === 'event') return eventWords(entry.event).title
    const { request, status, took } = entry.request
    return `${request} → ${status === 0 ? t('lab.noAnswer') : status}, ${Math.round(took)} ms`
  }
}

/** The colour of an entry. A failed request has the colour of a failure, whatever it was. */
function toneOf(entry: Entry): 'request' | 'token' | 'event' | 'refused' | 'classic' {
  if (entry.kind === 'event') return 'event'
  const { request, status, shop } = entry.request
  if (status === 0 || status >= 400) return 'refused'
  if (shop === 'classic') return 'classic'
  return /^POST \/(token|anonymous-login|revoke)$/.test(request) ? 'token' : 'request'
}
