// The fault layer of the server, which is there only in demo mode.

import type { LabShop, ShopName } from './shops'

/** What the server has given to a shop. */
export interface Tally {
  readonly guests: number
  readonly logins: number
  readonly refreshes: number
}

export type StageReport = { readonly outage_ms: number; readonly ahead_s: number } & Readonly<Record<ShopName, Tally>>

/** Null where the server is no demo: its page, or a problem, is what comes for every path that it does not know. */
export async function readStage(): Promise<StageReport | null> {
  const response = await fetch('/demo/stage')
  if (!response.ok || !response.headers.get('Content-Type')?.startsWith('application/json')) return null
  return response.json()
}

export async function clearStage(): Promise<void> {
  await must(fetch('/demo/stage', { method: 'DELETE' }))
}

export async function order(fault: 'lose-answer' | 'outage' | 'tomorrow'): Promise<void> {
  await must(fetch(`/demo/faults/${fault}`, { method: 'POST' }))
}

/** From now on the server refuses the token that the shop has, as if it had expired. */
export async function expireToken(shop: LabShop): Promise<void> {
  const token = await shop.token()
  if (token === null) return
  await must(fetch('/demo/faults/expire-token', { method: 'POST', headers: { Authorization: `Bearer ${token}` } }))
}

/** Ends the session of a shop at the server (RFC 7009), as an operator would: behind its back. */
export async function revoke(shop: LabShop): Promise<void> {
  const token = await shop.token()
  if (token === null) return
  await must(fetch('/revoke', { method: 'POST', body: new URLSearchParams({ token }) }))
}

async function must(sent: Promise<Response>): Promise<void> {
  const { ok, status, url } = await sent
  if (!ok) throw new Error(`${url} answered ${status}`)
}
