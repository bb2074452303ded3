// The options of `createSession`: defaults, normal form and errors.

import { afterEach, expect, test, vi } from 'vitest'
import { managedSessionFactory } from '../src/session.js'
import type { SessionOptions } from '../src/types.js'
import { FakeModule } from './fake-manager.js'

afterEach(() => {
  vi.unstubAllGlobals()
  vi.restoreAllMocks()
})

/** The options that the session manager receives. */
async function optionsFrom(options?: SessionOptions) {
  const module = new FakeModule()
  const started = managedSessionFactory(module.load)(options).start()
  module.succeed()
  await started
  return module.manager.options
}

function create(options: unknown) {
  return managedSessionFactory(new FakeModule().load)(options as SessionOptions)
}

test('the session manager receives every option, with the documented defaults', async () => {
  vi.stubGlobal('location', { origin: 'https://shop.example' })

  expect(await optionsFrom()).toEqual({
    baseUrl: 'https://shop.example',
    name: 'default',
    allowedOrigins: [],
    storage: 'local',
    onIdentityLost: 'reacquire',
    timeout: 30_000,
  })
})

test('the session manager receives the given options, with normalised URLs and origins', async () => {
  const options = await optionsFrom({
    baseUrl: 'HTTP://Localhost:8000/api/',
    name: 'staff',
    allowedOrigins: ['https://API.example.com:443', 'http://localhost:3000/'],
    storage: 'memory',
    onIdentityLost: 'stop',
    timeout: 5000,
  })

  expect(options).toEqual({
    baseUrl: 'http://localhost:8000/api',
    name: 'staff',
    allowedOrigins: ['https://api.example.com', 'http://localhost:3000'],
    storage: 'memory',
    onIdentityLost: 'stop',
    timeout: 5000,
  })
})

test.each(['local', 'session', 'indexeddb', 'memory'] as const)(
  'the storage %s reaches the session manager',
  async (storage) => {
    expect(await optionsFrom({ baseUrl: 'https://shop.example', storage })).toMatchObject({ storage })
  },
)

test('a custom storage reaches the session manager as the same object', async () => {
  class Keychain {
    get = async () => null
    set() {}
  }
  const storage = new Keychain()

  const options = await optionsFrom({ baseUrl: 'https://shop.example', storage })

  expect(options.storage).toBe(storage)
})

test('the debug log is off by default, and goes to the console or to a function', async () => {
  const baseUrl = 'https://shop.example'
  const debug = vi.spyOn(console, 'debug').mockImplementation(() => {})
  const lines = vi.fn()

  expect((await optionsFrom({ baseUrl })).debug).toBeUndefined()
  expect((await optionsFrom({ baseUrl, debug: false })).debug).toBeUndefined()
  expect((await optionsFrom({ baseUrl, debug: lines })).debug).toBe(lines)
  const { debug: toConsole } = await optionsFrom({ baseUrl, name: 'staff', debug: true })
  toConsole?.('start~0 → load#1 | loading')

  expect(debug.mock.calls).toEqual([['guestpass staff: start~0 → load#1 | loading']])
})

test.each<[string, unknown]>([
  ['object', null],
  ['object', 'http://localhost:8000'],
  ['baseURL', { baseURL: 'https://shop.example' }],
  ['baseUrl', { baseUrl: '/api' }],
  ['baseUrl', { baseUrl: 'shop.example:8000' }],
  ['baseUrl', { baseUrl: 'ftp://shop.example' }],
  ['baseUrl', { baseUrl: 'https://shop.example/?a=b' }],
  ['baseUrl', { baseUrl: 'https://shop.example/#top' }],
  ['baseUrl', { baseUrl: 8000 }],
  ['name', { name: '' }],
  ['name', { name: 7 }],
  ['allowedOrigins', { allowedOrigins: 'https://api.example.com' }],
  ['allowedOrigins[1]', { allowedOrigins: ['https://api.example.com', '*'] }],
  ['allowedOrigins[0]', { allowedOrigins: ['https://*.example.com/path'] }],
  ['allowedOrigins[0]', { allowedOrigins: ['null'] }],
  ['storage', { storage: 'cookie' }],
  ['storage', { storage: null }],
  ['storage.get', { storage: {} }],
  ['storage.set', { storage: { get: () => null } }],
  ['storage.shared', { storage: { get: () => null, set: () => {}, shared: 'yes' } }],
  ['debug', { debug: 'yes' }],
  ['captcha', { captcha: '0x4AAA' }],
  ['onIdentityLost', { onIdentityLost: 'panic' }],
  ['timeout', { timeout: 0 }],
  ['timeout', { timeout: Number.NaN }],
  ['timeout', { timeout: Number.POSITIVE_INFINITY }],
  ['timeout', { timeout: '5s' }],
])('the error for a wrong option names it: %s in %j', (name, options) => {
  expect(() => create(options)).toThrow(
    expect.objectContaining({ code: 'invalid_option', message: expect.stringContaining(name) }),
  )
})

test('C13: the error for a URL with a password does not contain the password', () => {
  const options = { baseUrl: 'https://me:hunter2@shop.example' }

  expect(() => create(options)).toThrow(
    expect.objectContaining({ code: 'invalid_option', message: expect.not.stringContaining('hunter2') }),
  )
})

test('C15: without a page, a session without baseUrl can be created, and its first use rejects', async () => {
  const module = new FakeModule()
  const session = managedSessionFactory(module.load)()

  const call = session.fetch('/items/')
  module.succeed()

  await expect(call).rejects.toMatchObject({ code: 'invalid_option', message: expect.stringContaining('baseUrl') })
  expect(session.getSnapshot()).toMatchObject({ status: 'unavailable', error: { code: 'invalid_option' } })
})
