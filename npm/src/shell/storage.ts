// Where the record is kept. Every kind of storage holds one text under one key.

import type { CustomStorage, StorageKind } from '../types.js'

/** The storage of one session. Reads and writes take effect in the order in which they are asked for. */
export interface Store {
  /** False: there is none, and the session lives in this page's memory. */
  readonly there: boolean
  /** All tabs of the browser see it. */
  readonly shared: boolean
  /** Calls `done` with the text, at once or later, or `failed`. */
  load(done: (text: unknown) => void, failed: () => void): void
  store(text: string, done: () => void, failed: () => void): void
}

/** By the option `storage`. Without a page (in Node, in a worker) there is no storage of a browser to be missed. */
export function openStore(storage: StorageKind | CustomStorage, key: string): Store {
  const page = typeof window === 'object'
  if (typeof storage === 'object') {
    return later(
      storage.shared === true,
      async () => storage.get(key),
      async (text) => storage.set(key, text),
    )
  }
  if (storage === 'indexeddb' && (page || hasIndexedDb())) {
    return later(
      true,
      () => transact('readonly', (sessions) => sessions.get(key)),
      (text) => transact('readwrite', (sessions) => sessions.put(text, key)),
    )
  }
  const there = page && /^(local|session)$/.test(storage)
  // Reading `localStorage` throws where cookies are blocked.
  const web = () => window[storage === 'local' ? 'localStorage' : 'sessionStorage']
  return {
    there,
    shared: there && storage === 'local',
    load: (done, failed) => atOnce(() => web().getItem(key), done, failed),
    store: (text, done, failed) => atOnce(() => web().setItem(key, text), done, failed),
  }
}

function atOnce(operate: () => unknown, done: (result: unknown) => void, failed: () => void): void {
  let then = failed
  try {
    const result = operate()
    then = () => done(result)
  } catch {}
  then()
}

/** An operation that hangs holds up all that follow. The machine gives up on such a storage for good. */
function later(shared: boolean, get: () => Promise<unknown>, set: (text: string) => Promise<unknown>): Store {
  let last: Promise<void> = Promise.resolve()
  return {
    there: true,
    shared,
    load(done, failed) {
      last = last.then(get).then(done, failed)
    },
    store(text, done, failed) {
      last = last.then(() => set(text)).then(done, failed)
    },
  }
}

function hasIndexedDb(): boolean {
  try {
    return Boolean(indexedDB)
  } catch {
    return false
  }
}

const SESSIONS = 'sessions'

/**
 * The result of one request, once its transaction is complete: a write is not done before.
 *
 * No connection stays open between two operations: it would hold up whoever deletes the database, and could keep the
 * page out of the back/forward cache.
 */
async function transact(mode: IDBTransactionMode, ask: (sessions: IDBObjectStore) => IDBRequest): Promise<unknown> {
  const opening = indexedDB.open('guestpass', 1)
  await new Promise((resolve, reject) => {
    opening.onupgradeneeded = () => opening.result.createObjectStore(SESSIONS)
    opening.onsuccess = resolve
    opening.onerror = reject
  })
  const database = opening.result
  try {
    const transaction = database.transaction(SESSIONS, mode)
    const request = ask(transaction.objectStore(SESSIONS))
    await new Promise((resolve, reject) => {
      transaction.oncomplete = resolve
      transaction.onabort = reject
    })
    return request.result
  } finally {
    database.close()
  }
}
