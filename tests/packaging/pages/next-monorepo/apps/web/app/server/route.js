import { service } from 'shop-session/server'

export const dynamic = 'force-dynamic'

export async function GET() {
  const response = await service.fetch('/me')
  return Response.json(await response.json())
}
