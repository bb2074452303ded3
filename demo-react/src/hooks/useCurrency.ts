import type { Currency } from '../format'
import { usePreferences } from '../visitor-data'

/** The currency in which the visitor reads prices. */
export function useCurrency(): Currency {
  return usePreferences().currency ?? 'EUR'
}
