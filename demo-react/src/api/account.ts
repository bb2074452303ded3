import { session } from '../session'
import { json, request } from './request'

/** The visitor, as the server returns them. */
export interface Me {
  readonly id: string
  readonly kind: 'guest' | 'user'
  readonly email: string | null
  readonly registered_at: string | null
  readonly passkeys: number
}

/** The preferences of a visitor. A missing one follows the browser. */
export interface Preferences {
  readonly language?: 'en' | 'zh'
  readonly theme?: 'light' | 'dark'
  readonly currency?: 'EUR' | 'USD' | 'CNY'
}

/** A change of preferences. `null` removes one (RFC 7396). */
export type PreferencesPatch = { readonly [Name in keyof Preferences]: Preferences[Name] | null }

export function loadMe(signal: AbortSignal): Promise<Me> {
  return request('/me', { signal })
}

export function loadPreferences(signal: AbortSignal): Promise<Preferences> {
  return request('/me/preferences', { signal })
}

export function changePreferences(patch: PreferencesPatch): Promise<Preferences> {
  return request('/me/preferences', json('PATCH', patch, { 'Content-Type': 'application/merge-patch+json' }))
}

/** All data of the visitor, as a JSON file. */
export async function exportData(): Promise<Blob> {
  const data = await session.export()
  return new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' })
}
