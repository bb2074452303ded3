import { createSession } from 'guestpass'
import { SessionDevtools, SessionProvider, useSession } from 'guestpass/react'
import { createElement, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

const session = createSession({ baseUrl: location.origin })

function Visitor() {
  const { id } = useSession()
  document.body.dataset.guest = id ?? ''
  return id
}

// Shown for those who ask for it, and loaded for nobody else.
const panel = location.hash === '#panel' && createElement(SessionDevtools, { open: true })

createRoot(document.getElementById('root')).render(
  createElement(StrictMode, null, createElement(SessionProvider, { session }, createElement(Visitor), panel)),
)
const visit = () =>
  session.fetch('/me').catch((error) => {
    document.body.dataset.error = String(error)
  })
addEventListener('visit', visit)
visit()
