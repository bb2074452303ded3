import { decode, encode } from '../base64url.js'
import { byAge, isObject, type StoredEntry } from './collections.js'
import { type ChangeResult, type Condition, type Edit, type Entries, entryBody, tagOf } from './entries.js'
import { problem } from './problem.js'

/** A request below `/me` of the visitor with this UUID. */
interface EntryRequest {
  readonly method: string
  readonly url: URL
  readonly headers: Headers
  readonly body: string
  readonly uuid: string
}

const MAX_PAGE = 100
const MAX_BODY = 16 * 1024

/** The response of `/me/{collection}` and `/me/{collection}/{key}`, or undefined for another path. */
export function respondToEntries(entries: Entries, request: EntryRequest): Response | undefined {
  const [, collection, encoded] = /^\/me\/([^/]+)(?:\/([^/]+))?$/.exec(request.url.pathname) ?? []
  if (collection === undefined) return
  if (!entries.declaration(collection)) {
    const detail = `The test server has no such collection. Declare it: createTestServer({ collections: { ${collection}: {} } }), or add a route: server.on('${request.method} ${request.url.pathname}', …)`
    return problem(404, detail, { code: 'unknown_collection' })
  }
  if (encoded === undefined) return respondToCollection(entries, collection, request)
  const key = keyOf(encoded)
  if (key === undefined) {
    return problem(422, 'A key has 1 to 512 bytes of UTF-8, has no control characters, and is not . or ..')
  }
  return respondToEntry(entries, collection, key, request)
}

function respondToCollection(entries: Entries, collection: string, request: EntryRequest): Response {
  const { method, url, headers, uuid } = request
  const all = entries.all(uuid, collection)
  if (method === 'DELETE') {
    const { tag } = pageOf(all, MAX_PAGE)
    if (!conditionOf(headers)(tag)) return problem(412, CHANGED)
    entries.clear(uuid, collection)
    return removed()
  }
  if (method !== 'GET') return problem(405, `A collection has no method ${method}.`)
  const query = new Map(url.searchParams)
  const limit = Number(query.get('limit') ?? MAX_PAGE)
  const after = query.get('after')
  const rest = after === undefined ? all : entriesAfter(all, after)
  const isKnown = [...query.keys()].every((name) => name === 'limit' || name === 'after')
  if (!isKnown || !Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE || !rest) {
    return problem(400, 'The query has limit, from 1 to 100, and after, the next of a previous page.')
  }
  const { page, next, tag } = pageOf(rest, limit)
  return tagged(headers, tag, { entries: page.map(entryBody), next })
}

function respondToEntry(entries: Entries, collection: string, key: string, request: EntryRequest): Response {
  const { method, headers, uuid } = request
  if (method === 'GET') {
    const entry = entries.get(uuid, collection, key)
    return entry ? tagged(headers, tagOf(entry.value), entry.value) : noEntry()
  }
  const edit = editOf(request)
  if (edit instanceof Response) return edit
  const result = entries.change(uuid, collection, key, edit, conditionOf(headers))
  if ('refused' in result) return refusal(result, collection)
  if (edit.kind === 'remove') return removed()
  if (!result.entry) return noEntry()
  const { value } = result.entry
  return Response.json(value, { status: result.isNew ? 201 : 200, headers: { ETag: tagOf(value) } })
}

/** The change that a request asks for, or the response to a request that cannot be read. */
function editOf({ method, headers, body }: EntryRequest): Edit | Response {
  if (method === 'DELETE') return { kind: 'remove' }
  if (!['PUT', 'PATCH', 'POST'].includes(method)) return problem(405, `An entry has no method ${method}.`)
  const type = headers.get('Content-Type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json' && !(method === 'PATCH' && type === 'application/merge-patch+json')) {
    return problem(415, 'Send the body as JSON, with Content-Type: application/json.')
  }
  if (new TextEncoder().encode(body).length > MAX_BODY) return problem(413, 'The body is longer than 16 KiB.')
  const parsed = parse(body)
  if (!parsed) return problem(400, 'The body is not JSON.')
  const { value } = parsed
  if (method !== 'POST') return { kind: method === 'PUT' ? 'put' : 'patch', value }
  if (!isObject(value) || !isObject(value.add)) return problem(422, 'The body must be { "add": { … } }.')
  const idempotencyKey = headers.get('Idempotency-Key')
  if (idempotencyKey !== null && !/^[\w-]{22,128}$/.test(idempotencyKey)) {
    return problem(400, 'Send Idempotency-Key once, with 22 to 128 characters of base64url.')
  }
  return { kind: 'add', members: value.add, idempotencyKey }
}

const CHANGED = 'The resource has changed. Read it again.'

function refusal(result: Extract<ChangeResult, { refused: string }>, collection: string): Response {
  switch (result.refused) {
    case 'changed':
      return problem(412, CHANGED)
    case 'full':
      return problem(409, `The collection ${collection} is full.`, { code: 'collection_full', collection })
    case 'key_reused':
      return problem(422, 'The Idempotency-Key was used with another request.')
    case 'too_long':
      return problem(422, 'The value is too long.', { code: 'value_too_long' })
    case 'invalid': {
      const [{ pointer, detail } = { pointer: '', detail: '' }] = result.places
      return problem(422, `At ${pointer || 'the value'}: ${detail}.`, { code: 'invalid_value', errors: result.places })
    }
  }
}

function pageOf(all: readonly StoredEntry[], limit: number) {
  const page = all.slice(0, limit)
  const last = all.length > limit ? page.at(-1) : undefined
  return { page, next: last ? cursorOf(last) : null, tag: tagOf([page, last !== undefined]) }
}

function cursorOf({ key, updatedAt }: StoredEntry): string {
  return `${updatedAt}.${encode(new TextEncoder().encode(key))}`
}

/** The entries after the position of a cursor, whose own entry may be gone. Undefined for another text. */
function entriesAfter(all: readonly StoredEntry[], cursor: string): StoredEntry[] | undefined {
  const [, time, encoded = ''] = /^(\d{1,18})\.(.*)$/.exec(cursor) ?? []
  if (time === undefined) return
  try {
    const key = new TextDecoder('utf-8', { fatal: true }).decode(decode(encoded))
    return all.filter((entry) => byAge({ key, updatedAt: Number(time) }, entry) < 0)
  } catch {
    return undefined
  }
}

/** The conditions of a request: `If-Match` and `If-None-Match` (RFC 9110, section 13). */
function conditionOf(headers: Headers): Condition {
  const [wanted, known] = [headers.get('If-Match'), headers.get('If-None-Match')]
  return (tag) => {
    if (tag === undefined) return wanted === null
    const isWanted = wanted === null || wanted.trim() === '*' || tagsOf(wanted).includes(tag)
    return isWanted && !hasCurrent(known, tag)
  }
}

function hasCurrent(known: string | null, tag: string): boolean {
  return known !== null && (known.trim() === '*' || tagsOf(known.replaceAll('W/', '')).includes(tag))
}

function tagsOf(header: string): string[] {
  return header.match(/(W\/)?"[^"]*"/g) ?? []
}

/** 200 with the entity tag, or 304 if the client has the content. */
function tagged(headers: Headers, tag: string, body: unknown): Response {
  const init = { headers: { ETag: tag } }
  const isCurrent = hasCurrent(headers.get('If-None-Match'), tag)
  return isCurrent ? new Response(null, { status: 304, ...init }) : Response.json(body, init)
}

function noEntry(): Response {
  return problem(404, 'The collection has no entry with this key.', { code: 'no_entry' })
}

function removed(): Response {
  return new Response(null, { status: 204 })
}

/** The key of a path segment, or undefined if no entry can have it. */
function keyOf(segment: string): string | undefined {
  try {
    const key = decodeURIComponent(segment)
    const isKey = !/^\.{0,2}$|\p{Cc}/u.test(key) && new TextEncoder().encode(key).length <= 512
    return isKey ? key : undefined
  } catch {
    return undefined
  }
}

function parse(body: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(body) }
  } catch {
    return undefined
  }
}
