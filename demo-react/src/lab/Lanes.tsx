import { useTranslation } from 'react-i18next'
import { useEventWords } from '../components/EventLog'
import { timeOfDay } from '../format'
import { useNow } from '../hooks/useNow'
import { type Lane, useLanes } from '../timeline'

const SHOWN = 30_000
const LATEST = 8

type Mark = Lane['marks'][number]

/** What happened when, in every tab of this browser. */
export function Lanes() {
  const { t } = useTranslation()
  const lanes = useLanes()
  const now = useNow(250)
  const name = useLaneName(lanes)
  const describe = useMarkWords()
  const latest = lanes
    .flatMap((lane) => lane.marks.map((mark) => ({ lane, mark })))
    .sort((one, other) => other.mark.at - one.mark.at)
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
          <div key={lane.tab} className="lane" data-gone={lane.gone}>
            <span className="lane-name">{name(lane)}</span>
            <div className="lane-track" aria-hidden="true">
              {lane.marks
                .filter(({ at }) => now - at < SHOWN)
                .map((mark) => (
                  <i
                    key={mark.key}
                    className="mark"
                    data-tone={toneOf(mark)}
                    style={{ left: `${Math.min(100, 100 - ((now - mark.at) / SHOWN) * 100)}%` }}
                    title={describe(mark)}
                  />
                ))}
            </div>
          </div>
        ))}
      </div>
      <h3>{t('lab.latest')}</h3>
      <ol className="latest">
        {latest.map(({ lane, mark }) => (
          <li key={mark.key}>
            <time>{timeOfDay(mark.at)}</time>
            <i className="mark" data-tone={toneOf(mark)} />
            <span className="latest-tab">{name(lane)}</span>
            <span className="latest-what">{describe(mark)}</span>
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
    return lane.gone ? t('lab.goneTab', { name }) : name
  }
}

function useMarkWords(): (mark: Mark) => string {
  const { t } = useTranslation()
  const eventWords = useEventWords()
  return (mark) => {
    if (mark.kind === 'event') return eventWords(mark.event).title
    const { request, status, took } = mark.wire
    return `${request} → ${status === 0 ? t('lab.noAnswer') : status}, ${Math.round(took)} ms`
  }
}

/** The loudest that there is to say of a mark. */
function toneOf(mark: Mark): 'request' | 'token' | 'event' | 'refused' | 'classic' {
  if (mark.kind === 'event') return 'event'
  const { request, status, shop } = mark.wire
  if (status === 0 || status >= 400) return 'refused'
  if (shop === 'classic') return 'classic'
  return /^POST \/(token|anonymous-login|revoke)$/.test(request) ? 'token' : 'request'
}
