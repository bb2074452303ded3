// Listeners of a session affect neither each other nor the session.

import { afterEach, expect, test, vi } from 'vitest'
import { managedSessionFactory } from '../src/session.js'
import { FakeModule, guest } from './fake-manager.js'

afterEach(() => {
  vi.unstubAllGlobals()
})

async function setUpLoaded() {
  const module = new FakeModule()
  const session = managedSessionFactory(module.load)({ baseUrl: 'https://shop.example' })
  const started = session.start()
  module.succeed()
  await started
  return { session, manager: module.manager }
}

test('an exception of a listener is reported and affects neither other listeners nor the session', async () => {
  const reported = vi.fn()
  vi.stubGlobal('reportError', reported)
  const { session, manager } = await setUpLoaded()
  const error = new Error('from a listener')
  const others = { snapshot: vi.fn(), event: vi.fn() }
  const fail = () => {
    throw error
  }
  session.subscribe(fail)
  session.subscribe(others.snapshot)
  session.onEvent(fail)
  session.onEvent(others.event)

  manager.notify(guest(1), { at: 1, type: 'acquired', id: 'anonymous_1' })

  expect(others.snapshot).toHaveBeenCalledTimes(1)
  expect(others.event).toHaveBeenCalledTimes(1)
  expect(reported.mock.calls).toEqual([[error], [error]])
  expect(await session.token()).toBe('a-token')
})

test('without reportError, the exception of a listener is thrown in a microtask', async () => {
  vi.stubGlobal('reportError', undefined)
  const thrown: unknown[] = []
  vi.stubGlobal('queueMicrotask', (task: () => void) => {
    try {
      task()
    } catch (caught) {
      thrown.push(caught)
    }
  })
  const { session, manager } = await setUpLoaded()
  const error = new Error('from a listener')
  session.subscribe(() => {
    throw error
  })

  manager.notify(guest(1))

  expect(thrown).toEqual([error])
})

test('a function that subscribed twice and unsubscribed once is still called', async () => {
  const { session, manager } = await setUpLoaded()
  const listener = vi.fn()
  const stop = session.subscribe(listener)
  session.subscribe(listener)

  stop()
  stop()
  manager.notify(guest(1))

  expect(listener).toHaveBeenCalledTimes(1)
})

test('a listener that another listener removes is not called', async () => {
  const { session, manager } = await setUpLoaded()
  const second = vi.fn()
  session.subscribe(() => stopSecond())
  const stopSecond = session.subscribe(second)

  manager.notify(guest(1))

  expect(second).not.toHaveBeenCalled()
})

test('a listener that another listener adds is first called for the next change', async () => {
  const { session, manager } = await setUpLoaded()
  const added = vi.fn()
  const stop = session.subscribe(() => {
    stop()
    session.subscribe(added)
  })

  manager.notify(guest(1))
  expect(added).not.toHaveBeenCalled()

  manager.notify(guest(2))
  expect(added).toHaveBeenCalledTimes(1)
})
