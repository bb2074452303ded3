// Passkeys: the server uses JSON and the browser uses bytes. Newer browsers have methods that convert between them.

import { afterEach, expect, test, vi } from 'vitest'
import { createTestServer } from '../src/testing/index.js'

const server = createTestServer()

afterEach(() => {
  server.uninstall()
  vi.unstubAllGlobals()
})

const CREATION = {
  challenge: 'AQID_-8',
  rp: { id: 'shop.test', name: 'Shop' },
  user: { id: 'BAUG', name: 'ada', displayName: 'Ada' },
  pubKeyCredParams: [{ type: 'public-key', alg: -8 }],
  excludeCredentials: [{ type: 'public-key', id: 'Bwg' }],
}

const TOKENS = { access_token: 'new', token_type: 'bearer', expires_in: 900, refresh_token: 'gpr_new_0' }
const MEMBERSHIP = { kind: 'user', email: null, outcome: 'registered', merged: false }

function buffer(...bytes: number[]): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

/** Simulates a browser that returns this credential. Returns the options of the calls of `create` and `get`. */
function browser(credential: unknown, statics: object = {}) {
  const asked: { publicKey: Record<string, unknown> }[] = []
  const respond = async (options: { publicKey: Record<string, unknown> }) => {
    asked.push(options)
    if (credential instanceof Error) throw credential
    return credential
  }
  vi.stubGlobal('PublicKeyCredential', Object.assign(class {}, statics))
  vi.stubGlobal('navigator', { credentials: { create: respond, get: respond } })
  return asked
}

function serve(path: '/register' | '/login', publicKey: object) {
  server.on(`POST ${path}/options`, () => Response.json({ challenge_id: 'c1', publicKey }))
  server.on(`POST ${path}`, ({ guest }) =>
    Response.json({ ...MEMBERSHIP, ...TOKENS, id: guest?.replace('anonymous', 'user') }),
  )
}

function sent(path: string) {
  return JSON.parse(server.requests.findLast((request) => request.path === path)?.body ?? '')
}

test('without the JSON methods of the browser, the package converts the bytes', async () => {
  serve('/register', CREATION)
  const asked = browser({
    id: 'CQo',
    rawId: buffer(9, 10),
    type: 'public-key',
    authenticatorAttachment: 'platform',
    response: {
      clientDataJSON: buffer(123, 125),
      attestationObject: buffer(251, 255, 190),
      getTransports: () => ['internal'],
    },
    getClientExtensionResults: () => ({ credProps: { rk: true } }),
  })

  await server.createSession().register({ passkey: true, email: 'ada@example.com' })

  expect(asked[0]?.publicKey).toEqual({
    ...CREATION,
    challenge: new Uint8Array([1, 2, 3, 255, 239]),
    user: { ...CREATION.user, id: new Uint8Array([4, 5, 6]) },
    excludeCredentials: [{ type: 'public-key', id: new Uint8Array([7, 8]) }],
  })
  expect(sent('/register/options')).toEqual({ email: 'ada@example.com' })
  expect(sent('/register')).toEqual({
    email: 'ada@example.com',
    passkey: {
      challenge_id: 'c1',
      credential: {
        id: 'CQo',
        rawId: 'CQo',
        type: 'public-key',
        authenticatorAttachment: 'platform',
        response: { clientDataJSON: 'e30', attestationObject: '-_--', transports: ['internal'] },
        clientExtensionResults: { credProps: { rk: true } },
      },
    },
  })
})

test('the JSON methods of the browser are used when it has them', async () => {
  serve('/login', { challenge: 'AQI', rpId: 'shop.test' })
  const parsed = { challenge: buffer(1, 2), rpId: 'shop.test' }
  const asked = browser(
    { toJSON: () => ({ id: 'made by the browser' }) },
    { parseRequestOptionsFromJSON: () => parsed },
  )

  await server.createSession().login({ passkey: true })

  expect(asked[0]?.publicKey).toBe(parsed)
  expect(sent('/login')).toEqual({ passkey: { challenge_id: 'c1', credential: { id: 'made by the browser' } } })
})

test('a login accepts any passkey of the visitor, and sends its user handle', async () => {
  serve('/login', { challenge: 'AQI', rpId: 'shop.test' })
  const asked = browser({
    id: 'CQo',
    rawId: buffer(9, 10),
    type: 'public-key',
    authenticatorAttachment: null,
    response: {
      clientDataJSON: buffer(1),
      authenticatorData: buffer(2),
      signature: buffer(3),
      userHandle: buffer(4),
    },
    getClientExtensionResults: () => ({}),
  })

  await server.createSession().login({ passkey: true })

  expect(asked[0]?.publicKey).toMatchObject({ challenge: new Uint8Array([1, 2]), allowCredentials: [] })
  expect(sent('/login').passkey.credential).toEqual({
    id: 'CQo',
    rawId: 'CQo',
    type: 'public-key',
    response: { clientDataJSON: 'AQ', authenticatorData: 'Ag', signature: 'Aw', userHandle: 'BA' },
    clientExtensionResults: {},
  })
})

test('C18: a visitor who declines stays the same guest', async () => {
  serve('/register', CREATION)
  const cause = new DOMException('not now', 'NotAllowedError')
  browser(cause)
  const session = server.createSession()
  await session.token()
  const before = session.getSnapshot()

  const registering = session.register({ passkey: true })

  await expect(registering).rejects.toMatchObject({ code: 'passkey_failed', cause })
  expect(session.getSnapshot()).toBe(before)
})

test('a browser without passkeys rejects before any request', async () => {
  const asked = server.requests.length

  const registering = server.createSession().register({ passkey: true })

  await expect(registering).rejects.toMatchObject({ code: 'passkey_failed' })
  expect(server.requests.length).toBe(asked)
})

test('C18: a refusal of the passkey options rejects like every refusal', async () => {
  browser(undefined)
  const refusal = { status: 409, code: 'already_member' }
  server.on('POST /register/options', () => Response.json(refusal, { status: 409 }))
  await expect(server.createSession().register({ passkey: true })).rejects.toMatchObject({
    code: 'refused',
    status: 409,
    reason: 'already_member',
  })

  server.on('POST /register/options', () => new Response('', { status: 404 }))
  await expect(server.createSession().register({ passkey: true })).rejects.toMatchObject({ code: 'rejected' })
})
