import { createSession } from 'guestpass'
import { SessionProvider, useSession } from 'guestpass/react'
import { createElement, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

const session = createSession({ baseUrl: location.origin })

function Visitor() {
  const { id } = useSession()
  document.body.dataset.guest = id ?? ''
  return id
}

createRoot(document.getElementById('root')).render(
  createElement(StrictMode, null, createElement(SessionProvider, { session }, createElement(Visitor))),
)
session.fetch('/me').catch((error) => {
  document.body.dataset.error = String(error)
})
