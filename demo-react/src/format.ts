const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const currencies = new Map<string, Intl.NumberFormat>()

export function price(cents: number, currency: string): string {
  let format = currencies.get(currency)
  if (!format) {
    format = new Intl.NumberFormat('en', { style: 'currency', currency })
    currencies.set(currency, format)
  }
  return format.format(cents / 100)
}

const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })

/** `14:02:31`, in the visitor's time zone. */
export function timeOfDay(at: number): string {
  return clock.format(at)
}

/** What is left of a span, short enough for a small ring: `14:52`, `3 h`, `29 d`. */
export function remaining(milliseconds: number): string {
  if (milliseconds >= DAY) return `${Math.floor(milliseconds / DAY)} d`
  if (milliseconds >= HOUR) return `${Math.floor(milliseconds / HOUR)} h`
  const seconds = Math.round(milliseconds / SECOND)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}

/** `4 seconds`, for sentences. */
export function seconds(milliseconds: number): string {
  const count = Math.max(1, Math.ceil(milliseconds / SECOND))
  return count === 1 ? '1 second' : `${count} seconds`
}

/** The part of an id that tells the kind of visitor, underscore included, and the part that tells the visitor. */
export function splitId(id: string): readonly [kind: string, unique: string] {
  const end = id.indexOf('_') + 1
  return [id.slice(0, end), id.slice(end)]
}
