// Client of the server's fault injector, which exists only in demo mode.

import type { LabShop, ShopName } from './shops'

/** How many guests, log-ins and refreshes the server has counted for a shop. */
export interface ServerCounts {
  readonly guests: number
  readonly logins: number
  readonly refreshes: number
}

export type FaultReport = { readonly outage_ms: number; readonly ahead_s: number } & Readonly<
  Record<ShopName, ServerCounts>
>

/** Reads the active faults and the counts. Null when the server is not in demo mode: it has no JSON under this path. */
export async function readReport(): Promise<FaultReport | null> {
  const response = await fetch('/demo/faults')
  if (!response.ok || !response.headers.get('Content-Type')?.startsWith('application/json')) return null
  return response.json()
}

export async function resetFaults(): Promise<void> {
  await check(fetch('/demo/faults', { method: 'DELETE' }))
}

export async function injectFault(fault: 'lose-answer' | 'outage' | 'tomorrow'): Promise<void> {
  await check(fetch(`/demo/faults/${fault}`, { method: 'POST' }))
}

/** Makes the server refuse the current token of the shop, as if it had expired. */
export async function expireToken(shop: LabShop): Promise<void> {
  const token = await shop.token()
  if (token === null) return
  await check(fetch('/demo/faults/expire-token', { method: 'POST', headers: { Authorization: `Bearer ${token}` } }))
}

/** Revokes the session of a shop at the server (RFC 7009), without telling the shop. */
export async function revoke(shop: LabShop): Promise<void> {
  const token = await shop.token()
  if (token === null) return
  await check(fetch('/revoke', { method: 'POST', body: new URLSearchParams({ token }) }))
}

async function check(sent: Promise<Response>): Promise<void> {
  const { ok, status, url } = await sent
  if (!ok) throw new Error(`${url} responded with HTTP ${status}`)
}
