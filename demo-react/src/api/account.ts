import { session } from '../session'
import { allEntries, preferences } from './collections'
import { request } from './request'

/** The visitor, as the server returns them. */
export interface Me {
  readonly id: string
  readonly kind: 'guest' | 'user'
  readonly email: string | null
  readonly registered_at: string | null
  readonly passkeys: number
}

/** The preferences of a visitor: entries of the collection `preferences`. A missing one follows the browser. */
export interface Preferences {
  readonly language?: 'en' | 'zh'
  readonly theme?: 'light' | 'dark'
  readonly currency?: 'EUR' | 'USD' | 'CNY'
}

/** A change of preferences. `null` removes one. */
export type PreferencesPatch = { readonly [Name in keyof Preferences]: Preferences[Name] | null }

export function loadMe(signal: AbortSignal): Promise<Me> {
  return request('/me', { signal })
}

export async function loadPreferences(signal: AbortSignal): Promise<Preferences> {
  const entries = await allEntries(preferences, signal)
  return Object.fromEntries(entries.map(({ key, value }) => [key, value]))
}

export async function changePreferences(patch: PreferencesPatch): Promise<void> {
  for (const [name, value] of Object.entries(patch)) {
    await (value === null ? preferences.remove(name) : preferences.put(name, value))
  }
}

/** All data of the visitor, as a JSON file. */
export async function exportData(): Promise<Blob> {
  const data = await session.export()
  return new Blob([JSON.stringify(data, null, 2)], { type: 'application/json' })
}
