// Calls of the session before its session manager is loaded, with a fake session manager.

import { getEventListeners } from 'node:events'
import { afterEach, expect, test, vi } from 'vitest'
import { GuestpassError } from '../src/errors.js'
import { setUp } from './fake-manager.js'

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test.each(['start', 'signOut', 'token'] as const)('%s loads the session manager and calls it', async (method) => {
  const { module, session } = setUp()

  const call = session[method]()
  expect(module.loads).toBe(1)
  module.succeed()
  await call

  expect(module.manager.calls).toEqual([method])
})

test('changing the URL or the headers after a queued call has no effect', async () => {
  const { module, session } = setUp()
  const url = new URL('https://shop.example/one')
  const headers = new Headers({ 'X-Page': '1' })

  const call = session.fetch(url, { headers })
  url.pathname = '/two'
  headers.set('X-Page', '2')
  module.succeed()
  await call

  expect(module.manager.calls).toEqual(['fetch https://shop.example/one'])
  expect([...new Headers(module.manager.inits[0]?.headers)]).toEqual([['x-page', '1']])
  await expect(setUp().session.fetch('/items/', { headers: { 'not a name': '' } })).rejects.toThrow(TypeError)
})

test('queued calls reach the session manager in order, and later calls directly', async () => {
  const { module, session } = setUp()

  const calls = [session.start(), session.fetch('/1'), session.token(), session.fetch('/2')]
  module.succeed()
  const results = await Promise.all(calls)
  const late = session.fetch('/3')
  session.expire()

  expect(module.manager.calls).toEqual(['start', 'fetch /1', 'token', 'fetch /2', 'fetch /3', 'expire'])
  expect(await (results[3] as Response).text()).toBe('response to /2')
  expect(await (await late).text()).toBe('response to /3')
})

test('fetch works without its object, as libraries call it', async () => {
  const { module, session } = setUp()
  const { fetch } = session

  const call = fetch('/items/')
  module.succeed()

  expect(await (await call).text()).toBe('response to /items/')
})

test('concurrent and later sessions share one load', async () => {
  const { module, createSession, session } = setUp()
  const other = createSession({ baseUrl: 'https://shop.example', name: 'other' })

  const calls = [session.start(), session.token(), other.start()]
  module.succeed()
  await Promise.all(calls)
  await createSession({ baseUrl: 'https://shop.example', name: 'third' }).start()

  expect(module.loads).toBe(1)
  expect(module.managers.map((manager) => manager.options.name)).toEqual(['default', 'other', 'third'])
})

test('a failed load rejects waiting calls, is shown in the snapshot, and the next call loads again', async () => {
  const { module, session } = setUp()
  const failure = new GuestpassError('load_failed', 'no such file')

  const calls = [session.fetch('/'), session.token()]
  module.fail(failure)
  expect(await Promise.allSettled(calls)).toEqual([
    { status: 'rejected', reason: failure },
    { status: 'rejected', reason: failure },
  ])
  expect(session.getSnapshot()).toMatchObject({
    status: 'unavailable',
    error: { code: 'load_failed', message: 'no such file', retryAt: null },
  })

  const again = session.token()
  module.succeed()
  expect(await again).toBe('a-token')
  expect(module.loads).toBe(2)
})

test('a call by a listener of a failed load starts another attempt', async () => {
  const { module, session } = setUp()
  let again: Promise<string> | undefined
  session.subscribe(() => {
    if (session.getSnapshot().status === 'unavailable') again = session.token()
  })

  const first = session.start()
  module.fail(new Error('no such file'))
  await expect(first).rejects.toMatchObject({ code: 'load_failed' })
  module.succeed()

  expect(await again).toBe('a-token')
})

test('any error while loading becomes a GuestpassError', async () => {
  const { module, session } = setUp()
  const cause = new TypeError('not a constructor')

  const call = session.start()
  module.fail(cause)

  await expect(call).rejects.toMatchObject({ name: 'GuestpassError', code: 'load_failed', cause })
})

test('the status becomes loading, and listeners run after the call has returned', async () => {
  const { module, session } = setUp()
  const seen: string[] = []
  session.subscribe(() => seen.push(session.getSnapshot().status))

  const call = session.token()
  expect(seen).toEqual([])
  await vi.waitUntil(() => seen.length > 0)
  expect(seen).toEqual(['loading'])

  module.succeed()
  await call
})

test('C4, C5: aborting a queued call rejects that call only, with the reason of its signal', async () => {
  const { module, session } = setUp()
  const fetching = new AbortController()
  const asking = new AbortController()

  const calls = [
    session.fetch(new Request('https://shop.example/', { signal: fetching.signal })),
    session.token({ signal: asking.signal }),
    session.token(),
  ]
  fetching.abort('left the page')
  asking.abort()
  await expect(calls[0]).rejects.toBe('left the page')
  await expect(calls[1]).rejects.toMatchObject({ name: 'AbortError' })

  module.succeed()
  expect(await calls[2]).toBe('a-token')
  expect(module.manager.calls).toEqual(['token'])
})

test('a settled call leaves no timer, and no listener on its signal', async () => {
  vi.useFakeTimers()
  const { module, session } = setUp()
  const { signal } = new AbortController()

  const call = session.token({ signal })
  expect(vi.getTimerCount()).toBe(1)
  expect(getEventListeners(signal, 'abort')).toHaveLength(1)
  module.succeed()
  await call

  expect(vi.getTimerCount()).toBe(0)
  expect(getEventListeners(signal, 'abort')).toHaveLength(0)
})

test('C4: an exception of the session manager rejects that call, and the other calls are made', async () => {
  const { module, session } = setUp()
  const error = new Error('from the session manager')

  const failing = session.token()
  const other = session.fetch('/')
  module.succeed((manager) => {
    manager.token = () => {
      throw error
    }
  })

  await expect(failing).rejects.toBe(error)
  expect(await (await other).text()).toBe('response to /')
})

test('a call with an aborted signal loads nothing', async () => {
  const { module, session } = setUp()

  await expect(session.fetch('/', { signal: AbortSignal.abort('too late') })).rejects.toBe('too late')

  expect(module.loads).toBe(0)
})

test('when all callers give up while the code loads, the session is idle again', async () => {
  const { module, session } = setUp()
  const controller = new AbortController()

  const call = session.token({ signal: controller.signal })
  await vi.waitUntil(() => session.getSnapshot().status === 'loading')
  controller.abort('enough')
  await expect(call).rejects.toBe('enough')
  module.succeed()

  await vi.waitUntil(() => session.getSnapshot().status === 'idle')
  expect(module.manager.calls).toEqual([])
})

test('C4: a queued call waits no longer than the timeout', async () => {
  vi.useFakeTimers()
  const { session } = setUp({ timeout: 1000 })
  const settled = vi.fn()
  const call = session.token()
  call.catch(settled)

  await vi.advanceTimersByTimeAsync(999)
  expect(settled).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(1)

  await expect(call).rejects.toMatchObject({ code: 'timeout' })
  expect(vi.getTimerCount()).toBe(0)
})

test('C4: the timeout of token includes the time for loading', async () => {
  vi.useFakeTimers()
  const { module, session } = setUp({ timeout: 60_000 })
  const late = expect(session.token({ timeout: 1000 })).rejects.toMatchObject({ code: 'timeout' })
  const patient = session.token({ timeout: 5000 })

  await vi.advanceTimersByTimeAsync(1000)
  await late
  await vi.advanceTimersByTimeAsync(1000)
  module.succeed()
  await patient
  await session.token({ timeout: 700 })
  await session.token()

  expect(module.manager.timeouts).toEqual([3000, 700, undefined])
})

test.each([0, -1, Number.NaN, '5s'])('a wrong timeout of token rejects: %s', async (timeout) => {
  const { module, session } = setUp()

  await expect(session.token({ timeout: timeout as number })).rejects.toMatchObject({
    code: 'invalid_option',
    message: expect.stringContaining('timeout'),
  })

  expect(module.loads).toBe(0)
})

test('changing the init after a queued call has no effect', async () => {
  const { module, session } = setUp()
  const init: RequestInit = { method: 'POST', body: '1' }

  const first = session.fetch('/', init)
  init.body = '2'
  const second = session.fetch('/', init)
  module.succeed()
  await Promise.all([first, second])

  expect(module.manager.inits.map((sent) => sent?.body)).toEqual(['1', '2'])
})

/** Globals of a page, whose events a test dispatches. */
function stubPage(): EventTarget {
  const page = new EventTarget()
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page))
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page))
  return page
}

test('C26: after a load without a network, the session loads again once when the page is online', async () => {
  const page = stubPage()
  const { module, session } = setUp()

  const first = session.start()
  module.fail(new GuestpassError('network', 'offline'))
  await expect(first).rejects.toMatchObject({ code: 'network' })
  expect(session.getSnapshot()).toMatchObject({ status: 'unavailable', error: { code: 'network' } })

  page.dispatchEvent(new Event('online'))
  expect(module.loads).toBe(2)
  module.fail(new GuestpassError('network', 'still offline'))
  await vi.waitUntil(() => session.getSnapshot().error?.message === 'still offline')
  page.dispatchEvent(new Event('online'))
  module.succeed()
  await vi.waitUntil(() => session.getSnapshot().status === 'idle')

  page.dispatchEvent(new Event('online'))
  expect(module.loads).toBe(3)
  expect(module.manager.calls).toEqual(['start'])
})

test('C26: a closed session, and one whose file is missing, do not load again', async () => {
  const page = stubPage()
  const [closed, missing] = [setUp(), setUp()]

  const calls = [closed.session.start(), missing.session.start()]
  closed.module.fail(new GuestpassError('network', 'offline'))
  missing.module.fail(new GuestpassError('load_failed', 'HTTP 404'))
  await Promise.allSettled(calls)
  closed.session.close()
  page.dispatchEvent(new Event('online'))

  expect([closed.module.loads, missing.module.loads]).toEqual([1, 1])
})

test('a call while the page is offline loads again, and the event afterwards does not', async () => {
  const page = stubPage()
  const { module, session } = setUp()

  const first = session.start()
  module.fail(new GuestpassError('network', 'offline'))
  await expect(first).rejects.toMatchObject({ code: 'network' })
  const second = session.token()
  module.succeed()
  await second
  page.dispatchEvent(new Event('online'))

  expect(module.loads).toBe(2)
  expect(module.manager.calls).toEqual(['token'])
})
