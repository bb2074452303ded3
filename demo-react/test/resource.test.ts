import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Resource } from '../src/resource'
import { Answers, FakePage, FakeSession, refused, serverIsAway } from './stage'

const stage = vi.hoisted(() => ({ session: undefined as unknown }))
vi.mock('../src/session', () => ({
  get session() {
    return stage.session
  },
}))

let session: FakeSession
let page: FakePage
let answers: Answers<string>

function resource({ personal } = { personal: true }) {
  return new Resource(answers.ask, { personal })
}

function shown(resource: Resource<string>) {
  return resource.subscribe(() => {})
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] })
  session = new FakeSession()
  stage.session = session
  page = new FakePage()
  answers = new Answers()
  session.becomes({ status: 'active', id: 'anonymous_a' })
})

afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

test('loads once it is shown, however many show it', async () => {
  const cart = resource()
  expect(answers.asked).toBe(0)

  shown(cart)
  shown(cart)
  await answers.give(1, 'tea')

  expect(answers.asked).toBe(1)
  expect(cart.getSnapshot()).toEqual({ data: 'tea', failure: null, loading: false, retryAt: null })
})

test('rests when nobody shows it any more', async () => {
  const cart = resource()
  const hide = shown(cart)
  await answers.fail(1, serverIsAway)

  hide()
  vi.runAllTimers()

  expect(answers.asked).toBe(1)
  expect(session.watched).toBe(false)
})

test('an answer that comes too late does not replace a newer one', async () => {
  const cart = resource()
  shown(cart)

  cart.replace('tea and bread')
  await answers.give(1, 'tea')

  expect(cart.getSnapshot().data).toBe('tea and bread')
})

describe('loads again', () => {
  test('when the tab comes into view, but not beside an attempt that is under way', async () => {
    const cart = resource()
    shown(cart)
    page.comesIntoView()
    expect(answers.asked).toBe(1)
    await answers.give(1, 'tea')

    page.comesIntoView()

    expect(answers.asked).toBe(2)
  })

  test('when the session is back', async () => {
    const cart = resource()
    shown(cart)
    await answers.give(1, 'tea')

    session.becomes({ status: 'unavailable' })
    session.becomes({ status: 'refreshing' })
    expect(answers.asked).toBe(1)
    session.becomes({ status: 'active' })

    expect(answers.asked).toBe(2)
  })

  test('by itself and ever more slowly while the server is away', async () => {
    const cart = resource()
    shown(cart)

    await answers.fail(1, serverIsAway)
    expect(cart.getSnapshot().retryAt).toBe(Date.now() + 1000)
    vi.advanceTimersByTime(1000)
    await answers.fail(2, serverIsAway)

    expect(cart.getSnapshot()).toMatchObject({ failure: { kind: 'unreachable' }, retryAt: Date.now() + 2000 })
    vi.advanceTimersByTime(2000)
    await answers.give(3, 'tea')
    expect(cart.getSnapshot()).toMatchObject({ data: 'tea', failure: null, retryAt: null })
  })
})

describe('does not load again', () => {
  test('when the server refuses', async () => {
    const cart = resource()
    shown(cart)

    await answers.fail(1, refused)
    vi.runAllTimers()

    expect(answers.asked).toBe(1)
    expect(cart.getSnapshot().failure).toEqual({ kind: 'refused', message: 'The server refused' })
  })

  test('beside a session that tries by itself', async () => {
    const cart = resource()
    shown(cart)
    session.becomes({ status: 'unavailable', error: { code: 'network', message: '', retryAt: 1 } })

    await answers.fail(1, serverIsAway)
    vi.runAllTimers()

    expect(answers.asked).toBe(1)
  })

  test('when its own request has made the visitor a guest', async () => {
    session.becomes({ status: 'idle', id: null })
    const cart = resource()
    shown(cart)

    session.becomes({ status: 'acquiring' })
    session.becomes({ status: 'active', id: 'anonymous_a' })
    await answers.give(1, 'nothing')

    expect(answers.asked).toBe(1)
  })

  test('after a sign-out, which would make a new guest', async () => {
    const cart = resource()
    shown(cart)
    await answers.give(1, 'tea')

    session.becomes({ status: 'signed_out', id: null })
    page.comesIntoView()

    expect(answers.asked).toBe(1)
    expect(cart.getSnapshot().data).toBeUndefined()
  })
})

describe('when the visitor has become somebody else', () => {
  test('what is personal is forgotten at once, and loaded again', async () => {
    const cart = resource()
    shown(cart)
    await answers.give(1, 'tea')

    session.becomes({ id: 'anonymous_b' })

    expect(cart.getSnapshot().data).toBeUndefined()
    expect(answers.asked).toBe(2)
  })

  test('what is not stays until it is loaded again', async () => {
    const items = resource({ personal: false })
    shown(items)
    await answers.give(1, 'tea')

    session.becomes({ id: 'anonymous_b' })

    expect(items.getSnapshot().data).toBe('tea')
    expect(answers.asked).toBe(2)
  })

  test('an answer that was asked for before is asked for again', async () => {
    const cart = resource()
    shown(cart)

    session.becomes({ id: 'anonymous_b' })
    await answers.give(1, 'tea')

    expect(answers.asked).toBe(2)
  })
})
