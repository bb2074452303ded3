import { createSession } from 'guestpass'

export const runtime = 'edge'
export const dynamic = 'force-dynamic'

/** One guest for each call: nothing is shared between the visitors of a server. */
export async function GET() {
  const session = createSession({ baseUrl: process.env.API, storage: 'memory' })
  const response = await session.fetch('/me')
  session.close()
  return Response.json(await response.json())
}
