import { createSession } from 'guestpass'

export const runtime = 'edge'
export const dynamic = 'force-dynamic'

const baseUrl = process.env.API ?? 'http://127.0.0.1:8000'

/** Responds with a new guest for each request: the visitors of a server must not share a session. */
export async function GET() {
  const session = createSession({ baseUrl, storage: 'memory' })
  const response = await session.fetch('/me')
  session.close()
  return Response.json(await response.json())
}
