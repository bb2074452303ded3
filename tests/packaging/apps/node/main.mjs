import { createSession } from 'guestpass'
import { createSession as inline } from 'guestpass/inline'

for (const create of [createSession, inline]) {
  const session = create({ baseUrl: process.argv[2] })
  const response = await session.fetch('/me')
  console.log((await response.json()).id)
}
