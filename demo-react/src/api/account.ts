import { session } from '../session'
import { json, refusal, request } from './request'

/** Who asks, as the server knows them. */
export interface Me {
  readonly id: string
  readonly kind: 'guest' | 'user'
  readonly email: string | null
  readonly registered_at: string | null
  readonly passkeys: number
}

/** What a visitor can choose. Absent: as the browser has it. */
export interface Preferences {
  readonly language?: 'en' | 'zh'
  readonly theme?: 'light' | 'dark'
  readonly currency?: 'EUR' | 'USD' | 'CNY'
}

/** A change of preferences; null takes one away (RFC 7396). */
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

/** Everything that is kept about the visitor, as the server hands it out. */
export async function exportData(): Promise<Blob> {
  const response = await session.fetch('/me/export')
  if (!response.ok) throw await refusal(response)
  return response.blob()
}
