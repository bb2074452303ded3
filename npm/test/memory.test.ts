// What sessions give back, with the compiled session manager and the garbage collector of Node.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test, vi } from 'vitest'
import { createSession } from '../src/index.node.js'
import { GuestServer } from './guest-server.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Collects until the condition holds: what is collected is given back in a later turn of the event loop. */
function afterCollection(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => {
    collectGarbage()
    if (!condition()) throw new Error('still held')
  })
}

/** A session that has a guest, and that only its listener holds, if it has one. */
async function usedAndDropped(url: string, listener?: () => void): Promise<WeakRef<object>> {
  const session = createSession({ baseUrl: url, storage: 'memory' })
  if (listener) session.subscribe(listener)
  await session.fetch('/items/')
  return new WeakRef(session)
}

test('C26: sessions that are no longer held are collected, and their memory is used again', async () => {
  await using server = await GuestServer.listen()
  const sessions: WeakRef<object>[] = []
  for (let round = 0; round < 20; round++) sessions.push(await usedAndDropped(server.url))

  await afterCollection(() => sessions.every((session) => session.deref() === undefined))
})

test('C26: a session with a listener stays, and hears, until it is closed', async () => {
  await using server = await GuestServer.listen()
  const changed = vi.fn()
  const session = await usedAndDropped(server.url, changed)
  const other = await usedAndDropped(server.url)
  await afterCollection(() => other.deref() === undefined)
  const held = session.deref() as ReturnType<typeof createSession>
  changed.mockClear()

  held.expire()
  await held.token()

  expect(changed).toHaveBeenCalled()
  held.close()
})

test('C26: a call whose session is no longer held comes to its end', async () => {
  await using server = await GuestServer.listen()
  const call = createSession({ baseUrl: server.url, storage: 'memory' }).fetch('/items/')
  const other = await usedAndDropped(server.url)
  await afterCollection(() => other.deref() === undefined)

  expect((await call).status).toBe(200)
})
