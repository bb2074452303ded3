import i18next from 'i18next'
import type { Preferences } from './api/account'
import type { Item } from './api/shop'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export type Currency = NonNullable<Preferences['currency']>

/** Fixed exchange rates of the demo. */
const PER_EURO: Readonly<Record<Currency, number>> = { EUR: 1, USD: 1.1, CNY: 7.8 }

/** The price of an item in euro cents. Null for an item without a price, or with a currency that the demo does not know. */
export function euroCents({ price_cents, currency = 'EUR' }: Item): number | null {
  const rate = Object.entries(PER_EURO).find(([name]) => name === currency)?.[1]
  return price_cents === undefined || rate === undefined ? null : price_cents / rate
}

/** Formats the price of an item in the visitor's currency and language. Empty for an item without a price. */
export function priceOf(item: Item, currency: Currency): string {
  const cents = euroCents(item)
  return cents === null ? '' : price(cents, currency)
}

/** Formats an amount of euro cents in the visitor's currency and language. */
export function price(cents: number, currency: Currency): string {
  const format = new Intl.NumberFormat(i18next.language, { style: 'currency', currency })
  return format.format((cents / 100) * PER_EURO[currency])
}

/** Formats an ISO date as date and time in the visitor's language and time zone. */
export function dateOf(at: string): string {
  return new Intl.DateTimeFormat(i18next.language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(at))
}

/** Formats a time as `14:02:31`, in the visitor's time zone. */
export function timeOfDay(at: number): string {
  return new Intl.DateTimeFormat('en', {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).format(at)
}

/** Formats a duration for the countdown ring: `14:52`, `3 h`, `29 d`. */
export function remaining(milliseconds: number): string {
  if (milliseconds >= DAY) return `${Math.floor(milliseconds / DAY)} d`
  if (milliseconds >= HOUR) return `${Math.floor(milliseconds / HOUR)} h`
  const seconds = Math.round(milliseconds / SECOND)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** Rounds a duration up to whole seconds, at least 1. */
export function secondsLeft(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / SECOND))
}

/** Splits an id into its prefix, `anonymous_` or `user_`, and the UUID. */
export function splitId(id: string): readonly [kind: string, unique: string] {
  const end = id.indexOf('_') + 1
  return [id.slice(0, end), id.slice(end)]
}
