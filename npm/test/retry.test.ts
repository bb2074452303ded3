import { expect, it } from 'vitest'
import { elapsed, retryAfter } from '../src/retry.js'

/** The number of listeners that a signal has. */
function countListeners(signal: AbortSignal): () => number {
  const listeners = new Set<unknown>()
  const { addEventListener, removeEventListener } = signal
  signal.addEventListener = (type: string, listener: EventListenerOrEventListenerObject, options?: object) => {
    listeners.add(listener)
    addEventListener.call(signal, type, listener, options)
  }
  signal.removeEventListener = (type: string, listener: EventListenerOrEventListenerObject) => {
    listeners.delete(listener)
    removeEventListener.call(signal, type, listener)
  }
  return () => listeners.size
}

it('C26: a wait leaves no listener at a signal that lives longer', async () => {
  const { signal } = new AbortController()
  const listeners = countListeners(signal)

  const wait = elapsed(1, signal)

  expect(listeners()).toBe(1)
  await wait
  expect(listeners()).toBe(0)
})

it('a wait ends with the reason of its signal', async () => {
  const controller = new AbortController()
  const wait = elapsed(60_000, controller.signal)
  controller.abort('left the page')

  await expect(wait).rejects.toBe('left the page')
  await expect(elapsed(60_000, controller.signal)).rejects.toBe('left the page')
})

it('Retry-After is a number of seconds or a date', () => {
  const wait = (header?: string) => retryAfter(new Response('', header ? { headers: { 'Retry-After': header } } : {}))

  expect(wait('120')).toBe(120_000)
  expect(wait(new Date(Date.now() + 60_000).toUTCString())).toBeGreaterThan(50_000)
  expect(wait('soon')).toBe(0)
  expect(wait()).toBe(0)
})
