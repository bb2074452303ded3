'use client'

import { useSession, useSessionFetch } from 'guestpass/react'
import { useEffect, useState } from 'react'

export function Visitor() {
  const { id, status } = useSession()
  const fetch = useSessionFetch()
  const [error, setError] = useState('')
  useEffect(() => {
    fetch('/me').catch((error) => setError(String(error)))
  }, [fetch])
  return (
    <main>
      <p>
        You are <output>{id ?? 'not yet a guest'}</output> (<span>{status}</span>).
      </p>
      <p role="alert">{error}</p>
    </main>
  )
}
