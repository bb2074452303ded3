import { createSession } from 'guestpass'
import { SessionDevtools, SessionProvider, useSession } from 'guestpass/react'
import { StrictMode, useCallback, useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'

const session = createSession()

// The panel for developers is a file of its own. It is loaded where it is shown: at /#panel.
const showsPanel = location.hash === '#panel'

function Visitor() {
  const { id, status } = useSession()
  const [error, setError] = useState('')
  const visit = useCallback(
    () =>
      session.fetch('/me').then(
        () => setError(''),
        (error) => setError(String(error)),
      ),
    [],
  )
  useEffect(() => void visit(), [visit])
  return (
    <main>
      <p>
        You are <output>{id ?? 'not yet a guest'}</output> ({status}).
      </p>
      <button type="button" onClick={visit}>
        Visit
      </button>
      <p role="alert">{error}</p>
    </main>
  )
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    <SessionProvider session={session}>
      <Visitor />
      {showsPanel && <SessionDevtools open />}
    </SessionProvider>
  </StrictMode>,
)
