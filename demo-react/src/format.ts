import i18next from 'i18next'
import type { Preferences } from './api/account'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

export type Currency = NonNullable<Preferences['currency']>

/** What a euro costs. Fixed: this is a demo, and its shop counts in euros. */
const PER_EURO: Readonly<Record<Currency, number>> = { EUR: 1, USD: 1.1, CNY: 7.8 }

/** An amount of euro cents, in the visitor's currency and way of writing. */
export function price(cents: number, currency: Currency): string {
  const format = new Intl.NumberFormat(i18next.language, { style: 'currency', currency })
  return format.format((cents / 100) * PER_EURO[currency])
}

export function dateOf(at: string): string {
  return new Intl.DateTimeFormat(i18next.language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date(at))
}

/** `14:02:31`, in the visitor's time zone. */
export function timeOfDay(at: number): string {
  return new Intl.DateTimeFormat('en', {
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).format(at)
}

/** What is left of a span, short enough for a small ring: `14:52`, `3 h`, `29 d`. */
export function remaining(milliseconds: number): string {
  if (milliseconds >= DAY) return `${Math.floor(milliseconds / DAY)} d`
  if (milliseconds >= HOUR) return `${Math.floor(milliseconds / HOUR)} h`
  const seconds = Math.round(milliseconds / SECOND)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** Whole seconds that are left, at least one, for sentences. */
export function secondsLeft(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / SECOND))
}

/** The part of an id that tells the kind of visitor, underscore included, and the part that tells the visitor. */
export function splitId(id: string): readonly [kind: string, unique: string] {
  const end = id.indexOf('_') + 1
  return [id.slice(0, end), id.slice(end)]
}
