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
import { FAULTS, type FaultName, type Finding } from './faults'
import { inFiveTabs } from './five-tabs'
import { type FaultResult, runAllFaults, runFault, useLab } from './lab'

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

/** The list of faults, each with a button, the promise of Guestpass, and the result. */
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
          onClick={() => void runAllFaults(inFiveTabs)}
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
  const { running, results } = useLab()
  const Icon = ICONS[name]
  const result = results[name]
  return (
    <li className="fault" data-testid={`fault-${name}`} data-held={result?.kept} data-running={running === name}>
      <h3 id={`fault-${name}`}>
        <Icon className="icon" aria-hidden="true" />
        {t(`lab.names.${name}`)}
      </h3>
      <p className="fault-should">{t(`lab.should.${name}`)}</p>
      <div className="fault-verdict" role="status">
        {result && <Result result={result} />}
      </div>
      <button
        type="button"
        className="button button-small"
        data-testid={`strike-${name}`}
        disabled={running !== null}
        aria-describedby={`fault-${name}`}
        onClick={() => void runFault(name, inFiveTabs)}
      >
        {t(running === name ? 'lab.running' : 'lab.strike')}
      </button>
    </li>
  )
}

function Result({ result: { kept, findings } }: { readonly result: FaultResult }) {
  const { t } = useTranslation()
  const Icon = kept ? CircleCheck : CircleX
  const words = (list: readonly Finding[]) =>
    list
      .map((finding) =>
        'count' in finding ? t(`lab.did.${finding.key}`, { count: finding.count }) : t(`lab.did.${finding.key}`),
      )
      .join(' ')
  return (
    <>
      <p className="fault-held">
        <strong className="fault-word">
          <Icon className="icon" aria-hidden="true" /> {t(kept ? 'lab.held' : 'lab.broke')}
        </strong>{' '}
        <span>{words(findings.guestpass)}</span>
      </p>
      <p className="quiet">{t('lab.classicSays', { what: words(findings.classic) })}</p>
    </>
  )
}
