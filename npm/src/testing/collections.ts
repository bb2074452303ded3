// The rules of collections, as the real server has them, except that a function replaces the JSON Schema.

/** How two values, of an account and of a guest, become one. */
export type MergeRule = 'account' | 'guest' | 'newest'

/** How a member that an account and a guest have becomes one. */
export type MemberRule = MergeRule | 'sum' | 'max' | 'min'

/** The declaration of a collection of the test server. The members and defaults are those of the real server. */
export interface TestCollection {
  /** The greatest number of entries of a visitor. Default 100. */
  readonly entries?: number
  /** What a full collection does with a new entry. Default `'refuse'`. */
  readonly full?: 'refuse' | 'drop-oldest'
  /** The greatest length of a value, in bytes of compact JSON. Default 4096. */
  readonly valueBytes?: number
  /** One rule for whole values, or rules for members of objects; other members are those of the newest value. Default `'newest'`. */
  readonly merge?: MergeRule | Readonly<Record<string, MemberRule>>
  /** The least and the greatest number of members. A sum is cut to them. */
  readonly bounds?: Readonly<Record<string, readonly [number, number]>>
  /** In place of a JSON Schema: the JSON Pointer of the first invalid place (RFC 6901), or undefined for a valid value. */
  readonly invalidAt?: (value: unknown) => string | undefined
}

/** A complete declaration. */
export type Declaration = Required<TestCollection>

/** An entry. Times are in milliseconds since the epoch. */
export interface StoredEntry {
  readonly key: string
  readonly value: unknown
  readonly createdAt: number
  readonly updatedAt: number
}

/** A place in a value that breaks the declaration. `pointer` is a JSON Pointer (RFC 6901). */
export interface InvalidPlace {
  readonly pointer: string
  readonly detail: string
}

type Members = Readonly<Record<string, unknown>>

const DEFAULTS: Readonly<Record<string, TestCollection>> = {
  cart: {
    valueBytes: 1024,
    merge: { quantity: 'sum' },
    bounds: { quantity: [1, 99] },
    invalidAt: (value) => {
      if (!isObject(value) || value.quantity === undefined) return ''
      return Number.isInteger(value.quantity) ? undefined : '/quantity'
    },
  },
  favorites: { entries: 500, valueBytes: 256, invalidAt: notObject },
  history: { full: 'drop-oldest', valueBytes: 256, invalidAt: notObject },
  preferences: {
    entries: 64,
    valueBytes: 2048,
    merge: 'account',
    invalidAt: (value) => {
      const isText = typeof value === 'string' && [...value].length <= 512
      return isText || typeof value === 'number' || typeof value === 'boolean' ? undefined : ''
    },
  },
}

/** The rules of entries whose collection is not declared. */
export const UNDECLARED: Declaration = complete({
  entries: Number.POSITIVE_INFINITY,
  valueBytes: Number.POSITIVE_INFINITY,
})

/** The default collections and those of the test. A collection of the same name replaces a default, and `false` removes it. */
export function declare(declared: Readonly<Record<string, TestCollection | false>>): Map<string, Declaration> {
  const all = Object.entries({ ...DEFAULTS, ...declared })
  return new Map(all.flatMap(([name, options]) => (options ? [[name, complete(options)] as const] : [])))
}

function complete({
  entries = 100,
  full = 'refuse',
  valueBytes = 4096,
  merge = 'newest',
  bounds = {},
  invalidAt = () => undefined,
}: TestCollection): Declaration {
  return { entries, full, valueBytes, merge, bounds, invalidAt }
}

/** Whether a value is longer than the declaration allows. */
export function isTooLong({ valueBytes }: Declaration, value: unknown): boolean {
  return new TextEncoder().encode(JSON.stringify(value)).length > valueBytes
}

/** The places of a value that the declaration does not allow. */
export function invalidPlaces({ bounds, invalidAt }: Declaration, value: unknown): InvalidPlace[] {
  const places: InvalidPlace[] = []
  if (Object.keys(bounds).length > 0 && !isObject(value)) places.push(wholeValue('the value must be an object'))
  for (const [name, [low, high]] of Object.entries(bounds)) {
    const member = isObject(value) ? value[name] : undefined
    if (member === undefined || (typeof member === 'number' && member >= low && member <= high)) continue
    places.push({ pointer: pointerOf(name), detail: `the value must be a number from ${low} to ${high}` })
  }
  const pointer = places.length === 0 ? invalidAt(value) : undefined
  return pointer === undefined ? places : [{ pointer, detail: 'the value does not have the declared form' }]
}

/**
 * Merges two entries with the same key: the earlier `createdAt`, the later `updatedAt`, and the value by the rules. If the merged
 * value breaks the declaration, the value that was changed last is kept as it is.
 */
export function mergeEntries(declaration: Declaration, account: StoredEntry, guest: StoredEntry): StoredEntry {
  const newest = isNewer(guest, account) ? guest : account
  const merged = mergeValues(declaration, account, guest, newest)
  const isAllowed = !isTooLong(declaration, merged) && invalidPlaces(declaration, merged).length === 0
  return {
    key: account.key,
    value: isAllowed ? merged : newest.value,
    createdAt: Math.min(account.createdAt, guest.createdAt),
    updatedAt: newest.updatedAt,
  }
}

function mergeValues(declaration: Declaration, account: StoredEntry, guest: StoredEntry, newest: StoredEntry): unknown {
  const { merge } = declaration
  if (typeof merge === 'string') return applyRule(merge, account.value, guest.value, newest.value)
  if (!isObject(account.value) || !isObject(guest.value) || !isObject(newest.value)) return newest.value
  const members = new Map(Object.entries(newest.value))
  for (const [name, rule] of Object.entries(merge)) {
    const [ofAccount, ofGuest] = [member(account.value, name), member(guest.value, name)]
    if (rule === 'newest' || (ofAccount === undefined && ofGuest === undefined)) continue
    if (ofAccount === undefined || ofGuest === undefined) {
      // One side lacks the member: that of the other side.
      members.set(name, ofAccount ?? ofGuest)
      continue
    }
    const value = applyRule(rule, ofAccount, ofGuest, newest === guest ? ofGuest : ofAccount)
    members.set(name, rule === 'sum' ? cut(declaration, name, value) : value)
  }
  return Object.fromEntries(members)
}

/** One value of two, neither of which is missing. */
function applyRule(rule: MemberRule, account: unknown, guest: unknown, newest: unknown): unknown {
  switch (rule) {
    case 'sum':
      return typeof account === 'number' && typeof guest === 'number' ? account + guest : newest
    case 'max':
      return compare(guest, account) > 0 ? guest : account
    case 'min':
      return compare(guest, account) < 0 ? guest : account
    case 'account':
      return account
    case 'guest':
      return guest
    case 'newest':
      return newest
  }
}

/** The value after an addition, or the place where nothing can be added. A sum is cut to its bounds. */
export function add(declaration: Declaration, before: unknown, addition: Members): { value: unknown } | InvalidPlace {
  if (before !== undefined && !isObject(before)) {
    return wholeValue('the value is not an object, so nothing can be added')
  }
  const members = new Map(Object.entries(before ?? {}))
  for (const [name, more] of Object.entries(addition)) {
    const current = members.has(name) ? members.get(name) : 0
    if (typeof more !== 'number') return { pointer: pointerOf(name), detail: 'only numbers can be added' }
    if (typeof current !== 'number') return { pointer: pointerOf(name), detail: 'the member is not a number' }
    members.set(name, cut(declaration, name, current + more))
  }
  return { value: Object.fromEntries(members) }
}

/** Applies a merge patch (RFC 7396, section 2). */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const members = new Map(isObject(target) ? Object.entries(target) : [])
  for (const [name, change] of Object.entries(patch)) {
    if (change === null) members.delete(name)
    else members.set(name, mergePatch(members.get(name), change))
  }
  return Object.fromEntries(members)
}

/** A place in the order of pages. */
type Position = Pick<StoredEntry, 'key' | 'updatedAt'>

/** The order of pages: the entry that was changed last is the first one; of two at the same time, the greater key. */
export function byAge(a: Position, b: Position): number {
  return b.updatedAt - a.updatedAt || compareTexts(b.key, a.key)
}

/** The value with the members of objects in the order of their names: equal values have equal JSON. */
export function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical)
  if (!isObject(value)) return value
  const members = Object.entries(value).sort(([a], [b]) => compareTexts(a, b))
  return Object.fromEntries(members.map(([name, member]) => [name, canonical(member)]))
}

export function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function notObject(value: unknown): string | undefined {
  return isObject(value) ? undefined : ''
}

/** Of two that were changed at the same time, the greater value counts as the newer one. */
function isNewer(entry: StoredEntry, other: StoredEntry): boolean {
  return (entry.updatedAt - other.updatedAt || compare(entry.value, other.value)) > 0
}

function cut({ bounds }: Declaration, name: string, value: unknown): unknown {
  const [low, high] = member(bounds, name) ?? []
  if (typeof value !== 'number' || low === undefined || high === undefined) return value
  return Math.min(Math.max(value, low), high)
}

/** An own member: a value may have a member with the name of one of `Object.prototype`. */
function member<T>(members: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined
}

/** A total order: numbers by their value, texts by their characters, others by their JSON; of different types by the type. */
function compare(a: unknown, b: unknown): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b)
  return rank(a) - rank(b) || compareTexts(JSON.stringify(canonical(a)), JSON.stringify(canonical(b)))
}

function rank(value: unknown): number {
  if (value === null) return 0
  return ['boolean', 'number', 'string'].indexOf(typeof value) + 1 || (Array.isArray(value) ? 4 : 5)
}

/** By code points. The operator `<` compares code units of UTF-16. */
function compareTexts(a: string, b: string): number {
  const [left, right] = [[...a], [...b]]
  const index = left.findIndex((character, at) => character !== right[at])
  if (index < 0) return left.length - right.length
  return (left[index]?.codePointAt(0) ?? 0) - (right[index]?.codePointAt(0) ?? -1)
}

function wholeValue(detail: string): InvalidPlace {
  return { pointer: '', detail }
}

/** The JSON Pointer of a member of the value (RFC 6901, section 3). */
function pointerOf(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
