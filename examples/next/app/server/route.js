import { createSession } from 'guestpass'

// The service itself is the guest: all requests use this session.
const service = createSession({ baseUrl: process.env.API ?? 'http://127.0.0.1:8000', storage: 'memory' })

export const dynamic = 'force-dynamic'

export async function GET() {
  const response = await service.fetch('/me')
  return Response.json(await response.json())
}
