// How the package answers a login to which the server has responded with 428.

import { afterEach, expect, test, vi } from 'vitest'
import { answerer } from '../src/challenge.js'
import type { ManagerClass } from '../src/manager.js'
import { sessionFactory } from '../src/session.js'
import { startWorker } from '../src/start-worker.js'
import type { SessionEvent } from '../src/types.js'

const CHALLENGE = {
  parameters: {
    algorithm: 'PBKDF2/SHA-256',
    nonce: '00',
    salt: '01',
    cost: 1,
    keyLength: 32,
    keyPrefix: '00',
  },
  signature: 'ff',
}
const PROOF = JSON.stringify({ code: 'proof_required', challenge: CHALLENGE })
const CAPTCHA = JSON.stringify({ code: 'captcha_required' })

class FakeWorker extends EventTarget {
  static last: FakeWorker
  readonly url: URL
  readonly terminate = vi.fn()
  readonly postMessage = vi.fn()
  onmessage?: (event: { data: unknown }) => void
  onerror?: (event: { preventDefault(): void }) => void

  constructor(url: URL) {
    super()
    this.url = url
    FakeWorker.last = this
  }
}

function answering(captcha?: () => Promise<string>) {
  const events: SessionEvent[] = []
  const answer = answerer(captcha, (_, event) => event && events.push(event), startWorker)
  const controller = new AbortController()
  const states = () => events.map((event) => event.type === 'proof' && `${event.state} ${event.attempts}`)
  return { answer: (problem: string) => answer(problem, controller.signal), controller, states }
}

afterEach(() => {
  vi.unstubAllGlobals()
  vi.doUnmock('../src/challenge.js')
})

test('a worker solves the proof, and is terminated', async () => {
  vi.stubGlobal('Worker', FakeWorker)
  const { answer, states } = answering()

  const answered = answer(PROOF)
  const worker = FakeWorker.last
  expect(worker.url.pathname).toMatch(/\/proof-worker\.js$/)
  expect(worker.postMessage).toHaveBeenCalledWith(CHALLENGE.parameters)
  worker.onmessage?.({ data: 20 })
  worker.onmessage?.({ data: { counter: 41, derivedKey: '00aa' } })

  const { proof } = JSON.parse(await answered)
  expect(JSON.parse(atob(proof))).toEqual({ challenge: CHALLENGE, solution: { counter: 41, derivedKey: '00aa' } })
  expect(worker.terminate).toHaveBeenCalledOnce()
  expect(states()).toEqual(['solving 0', 'solving 20', 'solved 42'])
})

test('a worker is terminated when the answer is no longer needed', async () => {
  vi.stubGlobal('Worker', FakeWorker)
  const { answer, controller, states } = answering()
  const answered = answer(PROOF)

  controller.abort(new Error('not needed'))

  await expect(answered).rejects.toThrow('not needed')
  expect(FakeWorker.last.terminate).toHaveBeenCalledOnce()
  expect(states()).toEqual(['solving 0', 'failed 0'])
})

test.each([
  [
    'does not load',
    () => vi.stubGlobal('Worker', FakeWorker),
    () => FakeWorker.last.onerror?.({ preventDefault() {} }),
  ],
  [
    'is forbidden',
    () =>
      vi.stubGlobal('Worker', () => {
        throw new DOMException('forbidden', 'SecurityError')
      }),
    () => {},
  ],
])('the proof is solved without a worker when that %s', async (_, prepare, act) => {
  prepare()
  const { answer, states } = answering()
  const answered = answer(PROOF)
  act()

  const { solution } = JSON.parse(atob(JSON.parse(await answered).proof))

  expect(solution.derivedKey).toMatch(/^00[0-9a-f]{62}$/)
  expect(states().at(-1)).toBe(`solved ${solution.counter + 1}`)
})

test('the token of a CAPTCHA is sent with the proof, and not with the proof of a later guest', async () => {
  const tokens = ['first', 'second']
  const { answer } = answering(async () => tokens.shift() ?? '')

  const { proof } = JSON.parse(await answer(PROOF))
  expect(JSON.parse(await answer(CAPTCHA))).toEqual({ proof, captcha: 'first' })
  expect(JSON.parse(await answer(CAPTCHA))).toEqual({ proof, captcha: 'second' })
  expect(JSON.parse(await answer(PROOF))).toEqual({ proof: expect.any(String) })
})

test.each([
  ['another demand', { code: 'payment_required' }, 'payment_required'],
  [
    'another algorithm',
    { code: 'proof_required', challenge: { parameters: { ...CHALLENGE.parameters, algorithm: 'SCRYPT' } } },
    'SCRYPT',
  ],
])('%s is an error that names it', async (_, problem, named) => {
  await expect(answering().answer(JSON.stringify(problem))).rejects.toMatchObject({
    code: 'rejected',
    message: expect.stringContaining(named),
  })
})

test('a part of the package that does not load is an error with the cause, and is loaded again', async () => {
  const cause = new TypeError('Failed to fetch dynamically imported module')
  vi.doMock('../src/challenge.js', () => {
    throw cause
  })
  let solve: ((problem: string, signal: AbortSignal) => Promise<string>) | undefined
  class Manager {
    start = async () => {}
    constructor(options: { solve: typeof solve }) {
      solve = options.solve
    }
  }
  await sessionFactory(async () => Manager as unknown as ManagerClass)({ baseUrl: 'https://shop.example' }).start()

  const failed = await solve?.(PROOF, new AbortController().signal).catch((error) => error)
  expect(failed).toMatchObject({ code: 'load_failed', cause: expect.anything() })
  expect(failed.message).toContain('Reload the page')

  vi.doUnmock('../src/challenge.js')
  expect(await solve?.(PROOF, new AbortController().signal)).toContain('proof')
})
