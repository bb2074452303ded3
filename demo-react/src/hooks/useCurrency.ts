import type { Currency } from '../format'
import { usePreferences } from '../visitor-data'

/** The currency of the prices that the visitor sees. */
export function useCurrency(): Currency {
  return usePreferences().currency ?? 'EUR'
}
