'use client'

import { useSession, useSessionFetch } from 'guestpass/react'
import { useEffect } from 'react'

export function Visitor() {
  const { id, status } = useSession()
  const fetch = useSessionFetch()
  useEffect(() => {
    fetch('/me').catch((error) => {
      document.body.dataset.error = String(error)
    })
  }, [fetch])
  useEffect(() => {
    document.body.dataset.guest = id ?? ''
  }, [id])
  return <p id="status">{status}</p>
}
