// A page with Guestpass: one request at start, a storm on demand.

import { createSession } from 'guestpass'
import { visit } from './visit.js'

const session = createSession()
visit(async () => {
  const response = await session.fetch('/items/')
  if (!response.ok) throw new Error(String(response.status))
  return response.json()
})
