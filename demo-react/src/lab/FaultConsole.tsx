import {
  AppWindow,
  CalendarPlus,
  CircleCheck,
  CircleX,
  Gavel,
  HardDrive,
  Hourglass,
  LockOpen,
  type LucideIcon,
  ServerCrash,
  Unplug,
  Zap,
} from 'lucide-react'
import { useTranslation } from 'react-i18next'
import { type Did, FAULTS, type FaultName } from './faults'
import { strike, strikeAll, useLab, type Verdict } from './lab'
import { inFiveTabs } from './tabs'

const ICONS: Readonly<Record<FaultName, LucideIcon>> = {
  expire: Hourglass,
  lose: Unplug,
  burst: Zap,
  locks: LockOpen,
  tabs: AppWindow,
  outage: ServerCrash,
  tomorrow: CalendarPlus,
  storage: HardDrive,
  revoke: Gavel,
}

/** What can be broken: each with what should happen, and whether it did. */
export function FaultConsole() {
  const { t } = useTranslation()
  const { running } = useLab()
  return (
    <section className="console" aria-labelledby="faults">
      <div className="goods-head">
        <div>
          <h2 id="faults">{t('lab.faults')}</h2>
          <p className="quiet">{t('lab.faultsHint')}</p>
        </div>
        <button
          type="button"
          className="button button-primary"
          data-testid="run-all"
          disabled={running !== null}
          onClick={() => void strikeAll(inFiveTabs)}
        >
          {t('lab.runAll')}
        </button>
      </div>
      <ul className="faults">
        {FAULTS.map((name) => (
          <Fault key={name} name={name} />
        ))}
      </ul>
    </section>
  )
}

function Fault({ name }: { readonly name: FaultName }) {
  const { t } = useTranslation()
  const { running, verdicts } = useLab()
  const Icon = ICONS[name]
  const verdict = verdicts[name]
  return (
    <li className="fault" data-testid={`fault-${name}`} data-held={verdict?.held} data-running={running === name}>
      <h3 id={`fault-${name}`}>
        <Icon className="icon" aria-hidden="true" />
        {t(`lab.names.${name}`)}
      </h3>
      <p className="fault-should">{t(`lab.should.${name}`)}</p>
      <div className="fault-verdict" role="status">
        {verdict && <Outcome verdict={verdict} />}
      </div>
      <button
        type="button"
        className="button button-small"
        data-testid={`strike-${name}`}
        disabled={running !== null}
        aria-describedby={`fault-${name}`}
        onClick={() => void strike(name, inFiveTabs)}
      >
        {t(running === name ? 'lab.running' : 'lab.strike')}
      </button>
    </li>
  )
}

function Outcome({ verdict: { held, said } }: { readonly verdict: Verdict }) {
  const { t } = useTranslation()
  const Icon = held ? CircleCheck : CircleX
  const words = (did: readonly Did[]) =>
    did
      .map((one) => ('count' in one ? t(`lab.did.${one.key}`, { count: one.count }) : t(`lab.did.${one.key}`)))
      .join(' ')
  return (
    <>
      <p className="fault-held">
        <strong className="fault-word">
          <Icon className="icon" aria-hidden="true" /> {t(held ? 'lab.held' : 'lab.broke')}
        </strong>{' '}
        <span>{words(said.guestpass)}</span>
      </p>
      <p className="quiet">{t('lab.classicSays', { what: words(said.classic) })}</p>
    </>
  )
}
