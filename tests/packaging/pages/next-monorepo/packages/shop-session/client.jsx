'use client'

import { createSession } from 'guestpass'
import { SessionProvider } from 'guestpass/react'

const session = createSession()

export function Session({ children }) {
  return <SessionProvider session={session}>{children}</SessionProvider>
}
