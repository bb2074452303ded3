import {
  add,
  byAge,
  canonical,
  type Declaration,
  type InvalidPlace,
  invalidPlaces,
  isTooLong,
  mergeEntries,
  mergePatch,
  type StoredEntry,
  UNDECLARED,
} from './collections.js'

/** A change of an entry. */
export type Edit =
  | { readonly kind: 'put' | 'patch'; readonly value: unknown }
  | {
      readonly kind: 'add'
      readonly members: Readonly<Record<string, unknown>>
      readonly idempotencyKey: string | null
    }
  | { readonly kind: 'remove' }

/** The result of a change: the entry after it, undefined for one that does not exist, or why nothing has changed. */
export type ChangeResult =
  | { readonly entry: StoredEntry | undefined; readonly isNew: boolean }
  | { readonly refused: 'changed' | 'full' | 'key_reused' | 'too_long' }
  | { readonly refused: 'invalid'; readonly places: readonly InvalidPlace[] }

/** Whether a request applies to an entry with this entity tag; undefined: to an entry that does not exist. */
export type Condition = (tag: string | undefined) => boolean

/** The data of one visitor. */
interface VisitorData {
  /** By the name of the collection and the key. */
  readonly collections: Map<string, Map<string, StoredEntry>>
  /** By the idempotency key, the latest one last. */
  readonly additions: Map<string, { readonly request: string; readonly madeAt: number }>
}

/** How long an idempotency key of an addition is kept, in milliseconds, and how many keys of a visitor. As in the real server. */
const KEY_WINDOW = 24 * 60 * 60_000
const MAX_KEYS = 500

/** The entries of the visitors, by their UUID. */
export class Entries {
  readonly #declared: ReadonlyMap<string, Declaration>
  readonly #visitors = new Map<string, VisitorData>()

  constructor(declared: ReadonlyMap<string, Declaration>) {
    this.#declared = declared
  }

  declaration(collection: string): Declaration | undefined {
    return this.#declared.get(collection)
  }

  /** All entries of a collection, in the order of pages. */
  all(uuid: string, collection: string): StoredEntry[] {
    return [...(this.#visitors.get(uuid)?.collections.get(collection)?.values() ?? [])].sort(byAge)
  }

  get(uuid: string, collection: string, key: string): StoredEntry | undefined {
    return this.#visitors.get(uuid)?.collections.get(collection)?.get(key)
  }

  change(uuid: string, collection: string, key: string, edit: Edit, applies: Condition): ChangeResult {
    const { collections, additions } = this.#of(uuid)
    const declaration = this.#declared.get(collection) ?? UNDECLARED
    const entries = collections.get(collection) ?? new Map<string, StoredEntry>()
    const [current, now] = [entries.get(key), Date.now()]
    const idempotencyKey = edit.kind === 'add' ? edit.idempotencyKey : null
    const request = JSON.stringify(canonical([collection, key, edit]))
    const known = additions.get(idempotencyKey ?? '')
    if (known && now < known.madeAt + KEY_WINDOW) {
      return known.request === request ? { entry: current, isNew: false } : { refused: 'key_reused' }
    }
    if (!applies(current && tagOf(current.value))) return { refused: 'changed' }
    if (edit.kind === 'remove') {
      entries.delete(key)
      return { entry: undefined, isNew: false }
    }
    const edited = valueAfter(declaration, current, edit)
    if (!('value' in edited)) return { refused: 'invalid', places: [edited] }
    const value = edited.value
    if (isTooLong(declaration, value)) return { refused: 'too_long' }
    const places = invalidPlaces(declaration, value)
    if (places.length > 0) return { refused: 'invalid', places }
    if (!current && declaration.full === 'refuse' && entries.size >= declaration.entries) return { refused: 'full' }
    const entry = {
      key,
      value,
      createdAt: current?.createdAt ?? now,
      updatedAt: Math.max(current?.updatedAt ?? now, now),
    }
    if (!current && declaration.full === 'drop-oldest') keepNewest(entries, declaration.entries - 1)
    collections.set(collection, entries.set(key, entry))
    if (idempotencyKey !== null) {
      additions.delete(idempotencyKey)
      additions.set(idempotencyKey, { request, madeAt: now })
      keepLast(additions)
    }
    return { entry, isNew: !current }
  }

  clear(uuid: string, collection: string): void {
    this.#of(uuid).collections.delete(collection)
  }

  /** Moves the entries of a guest to an account. An entry that both have is merged. */
  merge(guest: string, account: string): void {
    const [from, into] = [this.#of(guest), this.#of(account)]
    for (const [collection, entries] of from.collections) {
      const declaration = this.#declared.get(collection) ?? UNDECLARED
      const own = into.collections.get(collection) ?? new Map<string, StoredEntry>()
      for (const [key, entry] of entries) {
        const existing = own.get(key)
        own.set(key, existing ? mergeEntries(declaration, existing, entry) : entry)
      }
      if (declaration.full === 'drop-oldest') keepNewest(own, declaration.entries)
      into.collections.set(collection, own)
    }
    // An addition that is repeated after the merge adds nothing.
    for (const [key, addition] of from.additions) if (!into.additions.has(key)) into.additions.set(key, addition)
    keepLast(into.additions)
    this.#visitors.delete(guest)
  }

  erase(uuid: string): void {
    this.#visitors.delete(uuid)
  }

  /** All entries by the name of their collection, also of collections that are not declared. */
  export(uuid: string): Record<string, object[]> {
    const names = [...(this.#visitors.get(uuid)?.collections ?? [])].filter(([, entries]) => entries.size > 0)
    return Object.fromEntries(names.sort().map(([name]) => [name, this.all(uuid, name).map(entryBody)]))
  }

  #of(uuid: string): VisitorData {
    const data = this.#visitors.get(uuid) ?? { collections: new Map(), additions: new Map() }
    this.#visitors.set(uuid, data)
    return data
  }
}

/** An entry, as it is in responses. */
export function entryBody({ key, value, createdAt, updatedAt }: StoredEntry): object {
  return {
    key,
    value,
    created_at: new Date(createdAt).toISOString(),
    updated_at: new Date(updatedAt).toISOString(),
  }
}

/** A strong entity tag: the hash FNV-1a of the JSON. The real server has another hash. */
export function tagOf(content: unknown): string {
  let hash = 0xcbf29ce484222325n
  for (const byte of new TextEncoder().encode(JSON.stringify(content))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  }
  return `"${hash.toString(36)}"`
}

function valueAfter(
  declaration: Declaration,
  current: StoredEntry | undefined,
  edit: Exclude<Edit, { kind: 'remove' }>,
): { value: unknown } | InvalidPlace {
  if (edit.kind === 'add') return add(declaration, current?.value, edit.members)
  return edit.kind === 'put' ? edit : { value: mergePatch(current?.value, edit.value) }
}

/** Removes the entries that were changed longest ago. */
function keepNewest(entries: Map<string, StoredEntry>, kept: number): void {
  for (const { key } of [...entries.values()].sort(byAge).slice(kept)) entries.delete(key)
}

/** Removes the keys that were used first. */
function keepLast(additions: VisitorData['additions']): void {
  const byTime = [...additions].sort(([, a], [, b]) => a.madeAt - b.madeAt)
  for (const [key] of byTime.slice(0, -MAX_KEYS)) additions.delete(key)
}
