// Garbage collection of sessions, with the compiled session manager and the collector of Node.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test, vi } from 'vitest'
import { createSession } from '../src/index.node.js'
import { GuestServer } from './guest-server.js'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Collects garbage until the condition holds. Finalizers run in a later turn of the event loop. */
function afterCollection(condition: () => boolean): Promise<void> {
  return vi.waitFor(() => {
    collectGarbage()
    if (!condition()) throw new Error('still referenced')
  })
}

/** Uses a session and drops the reference to it. Only its listener, if there is one, keeps it. */
async function usedAndDropped(url: string, listener?: () => void): Promise<WeakRef<object>> {
  const session = createSession({ baseUrl: url, storage: 'memory' })
  if (listener) session.subscribe(listener)
  await session.fetch('/items/')
  return new WeakRef(session)
}

test('C26: sessions without references are collected', async () => {
  await using server = await GuestServer.listen()
  const sessions: WeakRef<object>[] = []
  for (let round = 0; round < 20; round++) sessions.push(await usedAndDropped(server.url))

  await afterCollection(() => sessions.every((session) => session.deref() === undefined))
})

test('C26: a session with a listener is not collected and calls the listener', async () => {
  await using server = await GuestServer.listen()
  const changed = vi.fn()
  const session = await usedAndDropped(server.url, changed)
  const other = await usedAndDropped(server.url)
  await afterCollection(() => other.deref() === undefined)
  const kept = session.deref() as ReturnType<typeof createSession>
  changed.mockClear()

  kept.expire()
  await kept.token()

  expect(changed).toHaveBeenCalled()
  kept.close()
})

test('C26: a call settles although its session has no references', async () => {
  await using server = await GuestServer.listen()
  const call = createSession({ baseUrl: server.url, storage: 'memory' }).fetch('/items/')
  const other = await usedAndDropped(server.url)
  await afterCollection(() => other.deref() === undefined)

  expect((await call).status).toBe(200)
})
