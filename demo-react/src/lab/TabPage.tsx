import { useSession } from 'guestpass/react'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { VisitorId } from '../components/VisitorId'
import { hear, OPENED, TAB, tell } from '../tab'
// For the lanes of the lab: it tells the other tabs what happens in this one.
import '../timeline'
import { session } from '../session'
import { classic, guestpass } from './shops'
import './lab.css'

/** One of the five tabs. It does as the lab tells it, and shows who its visitor is. */
export default function TabPage() {
  const { t } = useTranslation()
  const { status, id } = useSession()
  const [outcome, setOutcome] = useState<string | null>(null)
  useEffect(() => {
    const stop = hear((message) => {
      if (message.type === 'act') void act(message.run).then(setOutcome)
    })
    // With what the browser has kept, it is ready to act.
    void session.start().then(() => tell({ type: 'here', tab: TAB, opened: OPENED, answer: false, ready: true }))
    return stop
  }, [])
  return (
    <main className="tab">
      <h1 className="visually-hidden">{t('tab.heading')}</h1>
      <span className="status" data-status={status}>
        <span className="dot" data-status={status} />
        {status}
      </span>
      <VisitorId id={id} />
      <span className="tab-outcome">{outcome ?? t('tab.waiting')}</span>
    </main>
  )
}

async function act(run: string): Promise<string> {
  const [one, other] = await Promise.all([guestpass.send('GET', '/items/'), classic.send('GET', '/items/')])
  const { id } = session.getSnapshot()
  tell({ type: 'acted', tab: TAB, run, outcome: { guestpass: one.status, classic: other.status, id } })
  return `GET /items/ ${one.status}`
}
