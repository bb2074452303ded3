import { useSession } from 'guestpass/react'
import { useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { VisitorId } from '../components/VisitorId'
import { OPENED, onTabMessage, postTabMessage, TAB_ID } from '../tab-channel'
// Imported for its effect: it reports the events of this tab to the timeline of the other tabs.
import '../timeline'
import { session } from '../session'
import { classic, guestpass } from './shops'
import './lab.css'

/** One of the five tabs. It sends a request of both shops when the lab asks for it, and shows its visitor. */
export default function TabPage() {
  const { t } = useTranslation()
  const { status, id } = useSession()
  const [outcome, setOutcome] = useState<string | null>(null)
  useEffect(() => {
    const stop = onTabMessage((message) => {
      if (message.type === 'send') void send(message.run).then(setOutcome)
    })
    // The tab is ready when its session has loaded what the browser has stored.
    void session
      .start()
      .then(() => postTabMessage({ type: 'open', tab: TAB_ID, opened: OPENED, reply: false, ready: true }))
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

async function send(run: string): Promise<string> {
  const [withGuestpass, withClassic] = await Promise.all([
    guestpass.send('GET', '/items/'),
    classic.send('GET', '/items/'),
  ])
  const { id } = session.getSnapshot()
  postTabMessage({
    type: 'outcome',
    tab: TAB_ID,
    run,
    outcome: { guestpass: withGuestpass.status, classic: withClassic.status, id },
  })
  return `GET /items/ ${withGuestpass.status}`
}
