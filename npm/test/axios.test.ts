// `attachSession` with the real axios and the real session manager, against a server.

import { getEventListeners } from 'node:events'
import { inspect } from 'node:util'
import axios, { AxiosError, type AxiosInstance, type CreateAxiosDefaults } from 'axios'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AxiosRequestOptions, attachSession } from '../src/axios.js'
import { createSession } from '../src/index.node.js'
import type { Session, SessionEvent, SessionOptions } from '../src/types.js'
import { GuestServer } from './guest-server.js'

let server: GuestServer
let elsewhere: GuestServer
const sessions: Session[] = []

beforeEach(async () => {
  server = await GuestServer.listen()
  elsewhere = await GuestServer.listen()
})

afterEach(async () => {
  for (const session of sessions.splice(0)) session.close()
  await server[Symbol.asyncDispose]()
  await elsewhere[Symbol.asyncDispose]()
})

function setUp(config: CreateAxiosDefaults = {}, options: SessionOptions = {}) {
  const session = createSession({ baseUrl: server.url, storage: 'memory', ...options })
  sessions.push(session)
  const events: SessionEvent[] = []
  session.onEvent((event) => events.push(event))
  const api: AxiosInstance = axios.create({ baseURL: server.url, ...config })
  return { api, session, events, detach: attachSession(api, session) }
}

function sent(path: string) {
  return server.seen.filter((request) => request.path === path)
}

describe.each(['http', 'fetch'] as const)('with the adapter %s', (adapter) => {
  test('C19: twenty concurrent first requests create one guest and carry its token', async () => {
    const { api } = setUp({ adapter })

    const responses = await Promise.all(Array.from({ length: 20 }, () => api.get('/items/')))

    expect(responses.map(({ data }) => data)).toEqual(Array(20).fill({ visitor: 'anonymous_1' }))
    expect(server.count('/anonymous-login')).toBe(1)
  })

  test('C3: after a 401 a request is sent once more, with the same body and headers, and transforms run once', async () => {
    const { api, session } = setUp({ adapter })
    await session.fetch('/items/')
    server.refuseAccessTokens()
    const request = vi.fn((data) => JSON.stringify(data))
    const response = vi.fn((data) => JSON.parse(data))

    const { data } = await api.post(
      '/me/cart',
      { item_id: 1 },
      {
        headers: { 'Content-Type': 'application/json' },
        transformRequest: request,
        transformResponse: (data, _headers, status) => (status === 200 ? response(data) : data),
      },
    )

    expect(data).toEqual({ visitor: 'anonymous_1' })
    expect(sent('/me/cart').map(({ body }) => body)).toEqual(['{"item_id":1}', '{"item_id":1}'])
    expect(new Set(sent('/me/cart').map(({ token }) => token)).size).toBe(2)
    expect(request).toHaveBeenCalledTimes(1)
    expect(response).toHaveBeenCalledTimes(1)
  })

  test('C2: twenty requests that get a 401 share one refresh', async () => {
    const { api, session } = setUp({ adapter })
    await session.fetch('/items/')
    server.refuseAccessTokens()

    const responses = await Promise.all(Array.from({ length: 20 }, () => api.get('/items/')))

    expect(responses.map(({ status }) => status)).toEqual(Array(20).fill(200))
    expect(server.count('/token')).toBe(1)
  })

  test('C3: a second 401 rejects with an AxiosError, or resolves when validateStatus accepts it', async () => {
    const { api } = setUp({ adapter })

    const error = await api.get('/forbidden').catch((error) => error)
    expect(axios.isAxiosError(error)).toBe(true)
    expect(error.response.status).toBe(401)
    expect(error.response.data).toEqual({ title: 'Unauthorized' })

    const response = await api.get('/forbidden', { validateStatus: () => true })
    expect(response.status).toBe(401)
    // The token was refreshed a moment ago, so this 401 is not replayed.
    expect(sent('/forbidden')).toHaveLength(3)
  })

  test('C12: the token is sent to allowed origins only, also when baseURL names another one', async () => {
    const { api } = setUp({ adapter })

    await api.get(`${elsewhere.url}/public-data`)
    await api.get('/public-data', { baseURL: elsewhere.url })
    await api.get('/public-data')

    expect(elsewhere.seen.map(({ token }) => token)).toEqual([undefined, undefined])
    expect(sent('/public-data').map(({ token }) => token)).toEqual(['access-2'])
  })

  test('C13: neither responses nor errors contain the token', async () => {
    const { api, session } = setUp({ adapter })
    const token = await session.token()

    const response = await api.get('/items/')
    const error = await api.get('/forbidden').catch((error) => error)
    const offline = await api.get('/items/', { baseURL: 'http://127.0.0.1:1' }).catch((error) => error)

    expect(server.seen.some((request) => request.token === token)).toBe(true)
    for (const value of [response, error, offline, error.toJSON()]) {
      expect(inspect(value, { depth: 8 })).not.toContain('access-')
    }
  })

  test('C20: a stream is sent once, and the caller gets the 401', async () => {
    const { api, session } = setUp({ adapter })
    await session.fetch('/items/')
    server.refuseAccessTokens()
    const { Readable } = await import('node:stream')
    const body = adapter === 'http' ? Readable.from(['tea']) : new Response('tea').body

    const error = await api.post('/me/cart', body).catch((error) => error)

    expect(error.response?.status).toBe(401)
    expect(sent('/me/cart').map(({ body }) => body)).toEqual(['tea'])
  })

  test('credentials that the caller sets are kept', async () => {
    const { api } = setUp({ adapter })

    await api.get('/public-data', { headers: { Authorization: 'Bearer mine' } })
    await api.get('/public-data', { auth: { username: 'me', password: 'secret' } })

    expect(sent('/public-data').map(({ token }) => token)).toEqual(['mine', 'Basic bWU6c2VjcmV0'])
    expect(server.count('/anonymous-login')).toBe(0)
  })

  test('C5: a cancelled request rejects with the CanceledError of axios, and other requests go on', async () => {
    const { api } = setUp({ adapter })
    const controller = new AbortController()
    const cancelled = api.get('/items/', { signal: controller.signal }).catch((error) => error)
    const other = api.get('/items/')

    controller.abort()

    expect(axios.isCancel(await cancelled)).toBe(true)
    expect((await other).status).toBe(200)
    const late = await api.get('/items/', { signal: AbortSignal.abort() }).catch((error) => error)
    expect(axios.isCancel(late)).toBe(true)
  })

  test("C5: a request whose timeout ends before there is a token rejects with axios' own error", async () => {
    const { api, session } = setUp({ adapter })
    const release = server.hold('/anonymous-login')
    const other = api.get('/items/')

    const errors = await Promise.all([
      api.get('/items/', { timeout: 20 }).catch((error) => error),
      api.get('/items/', { timeout: 20, transitional: { clarifyTimeoutError: true } }).catch((error) => error),
      api.get('/items/', { timeout: 20, timeoutErrorMessage: 'too slow' }).catch((error) => error),
    ])
    release()

    expect(errors.map(({ message, code }) => [message, code])).toEqual([
      ['timeout of 20ms exceeded', 'ECONNABORTED'],
      ['timeout of 20ms exceeded', 'ETIMEDOUT'],
      ['too slow', 'ECONNABORTED'],
    ])
    for (const error of errors) expect(axios.isAxiosError(error)).toBe(true)
    expect(errors[0].config).toMatchObject({ url: '/items/', timeout: 20 })
    // The shared login goes on.
    expect((await other).data).toEqual({ visitor: 'anonymous_1' })
    expect(session.getSnapshot().status).toBe('active')
    expect(server.count('/anonymous-login')).toBe(1)
  })

  test('a timeout ends the wait between a 401 and the replay', async () => {
    const { api, session } = setUp({ adapter })
    await session.token()
    server.refuseAccessTokens()
    const release = server.hold('/token')

    const error = await api.get('/items/', { timeout: 300 }).catch((error) => error)
    release()

    expect(error).toMatchObject({ name: 'AxiosError', code: 'ECONNABORTED' })
    expect(sent('/items/')).toHaveLength(1)
  })

  test('a request that takes longer than the timeout rejects with the error of the adapter', async () => {
    const { api, session } = setUp({ adapter })
    await session.token()
    const release = server.hold('/items/')

    const error = await api.get('/items/', { timeout: 100 }).catch((error) => error)
    release()

    expect(error).toMatchObject({ name: 'AxiosError', code: expect.stringMatching(/^(ECONNABORTED|ETIMEDOUT)$/) })
    if (adapter === 'http') expect(error.message).toBe('timeout of 100ms exceeded')
    expect(error.config.timeout).toBe(100)
  })

  test('C5: a request that is cancelled while it waits for a token rejects at once, and leaves no listener', async () => {
    const { api } = setUp({ adapter })
    const release = server.hold('/anonymous-login')
    const controller = new AbortController()
    const source = axios.CancelToken.source()
    const unsubscribe = vi.spyOn(source.token, 'unsubscribe')
    const waiting = [
      api.get('/items/', { signal: controller.signal }),
      api.get('/items/', { cancelToken: source.token }),
    ].map((call) => call.catch((error) => error))
    await vi.waitFor(() => expect(server.count('/anonymous-login')).toBe(1))

    controller.abort()
    source.cancel('left the page')

    const [aborted, cancelled] = await Promise.all(waiting)
    release()
    expect([aborted, cancelled].every(axios.isCancel)).toBe(true)
    expect(cancelled.message).toBe('left the page')
    expect(aborted.config.url).toBe('/items/')
    expect(getEventListeners(controller.signal, 'abort')).toEqual([])
    expect(unsubscribe).toHaveBeenCalledTimes(1)
  })

  test('C5: a request that is cancelled between a 401 and the replay rejects with a CanceledError', async () => {
    const { api, session } = setUp({ adapter })
    await session.token()
    server.refuseAccessTokens()
    const release = server.hold('/token')
    const controller = new AbortController()
    const call = api.get('/items/', { signal: controller.signal }).catch((error) => error)
    await vi.waitFor(() => expect(server.count('/token')).toBe(1))

    controller.abort()

    expect(axios.isCancel(await call)).toBe(true)
    release()
  })

  test('C23: a 401 that is about something else is sent once', async () => {
    const { api, session } = setUp({ adapter })
    await session.token()
    server.answer('/coupon', [401, {}, { 'WWW-Authenticate': 'Bearer error="insufficient_scope"' }])

    await expect(api.post('/coupon', { code: 'SPRING' })).rejects.toMatchObject({ response: { status: 401 } })

    expect(sent('/coupon')).toHaveLength(1)
    expect(server.count('/token')).toBe(0)
  })

  test('C23: isUnauthorized gets the response of axios, for a request and as a default', async () => {
    const { api, session } = setUp({ adapter })
    await session.token()
    const guestpass: AxiosRequestOptions = {
      isUnauthorized: ({ data }) => JSON.parse(data).errors?.[0] === 'UNAUTHENTICATED',
    }
    server.answer('/graphql', [200, { errors: ['UNAUTHENTICATED'] }], [200, { data: {} }])
    expect((await api.post('/graphql', {}, { guestpass })).data).toEqual({ data: {} })
    expect(sent('/graphql')).toHaveLength(2)

    const other = axios.create({ baseURL: server.url, adapter, validateStatus: () => true })
    attachSession(other, setUp().session, { isUnauthorized: async ({ status }) => status === 419 })
    server.answer('/sanctum', [419, {}], [200, {}])
    expect((await other.get('/sanctum')).status).toBe(200)
    expect((await other.get('/forbidden')).status).toBe(401)
    expect(sent('/forbidden')).toHaveLength(1)
  })

  test('token: false and replay: false, for a request; the defaults of the session have no effect', async () => {
    const { api } = setUp({ adapter }, { requests: { token: false, isUnauthorized: () => true } })

    await api.get('/public-data', { guestpass: { token: false } })
    await api.get('/public-data')
    server.refuseAccessTokens()
    await expect(api.get('/items/', { guestpass: { replay: false } })).rejects.toMatchObject({
      response: { status: 401 },
    })

    expect(sent('/public-data').map(({ token }) => token)).toEqual([undefined, 'access-2'])
    expect(sent('/items/')).toHaveLength(1)
    // @ts-expect-error: the types find it, too
    await expect(api.get('/items/', { guestpass: { tokn: false } })).rejects.toMatchObject({ code: 'invalid_option' })
    const wrong = { isUnauthorized: 419 } as unknown as AxiosRequestOptions
    await expect(api.get('/items/', { guestpass: wrong })).rejects.toMatchObject({ code: 'invalid_option' })
  })

  test('a config of an earlier request can be sent again', async () => {
    const { api } = setUp({ adapter })
    const error = await api.get('/forbidden').catch((error) => error)

    const again = await api.request({ ...error.config, url: '/items/' })

    expect(again.status).toBe(200)
  })
})

test('existing interceptors still run, and see the final response once', async () => {
  const { api, session } = setUp()
  const seen: string[] = []
  api.interceptors.request.use((config) => {
    seen.push('request')
    config.headers.set('X-App', 'shop')
    return config
  })
  api.interceptors.response.use((response) => {
    seen.push(`response ${response.status}`)
    return response
  })
  await session.fetch('/items/')
  server.refuseAccessTokens()

  await api.get('/items/')

  expect(seen).toEqual(['request', 'response 200'])
})

test('with responseType stream, the body after a replay can be read', async () => {
  const { api, session } = setUp()
  await session.fetch('/items/')
  server.refuseAccessTokens()

  const { data } = await api.get('/items/', { responseType: 'stream' })

  let text = ''
  for await (const chunk of data) text += chunk
  expect(JSON.parse(text)).toEqual({ visitor: 'anonymous_1' })
})

test('without a token, a request rejects with the error of session.fetch', async () => {
  const { api, session } = setUp({}, { timeout: 50 })
  await server[Symbol.asyncDispose]()

  const error = await api.get('/items/').catch((error) => error)

  expect(error).toMatchObject({ name: 'GuestpassError', code: expect.stringMatching(/^(timeout|network)$/) })
  session.close()
  await expect(api.get('/items/')).rejects.toMatchObject({ code: 'closed' })
})

test('attaching twice sends each request once, and both can be detached', async () => {
  const { api, session, detach } = setUp()
  const detachAgain = attachSession(api, session)
  await api.get('/items/')
  expect(sent('/items/')).toHaveLength(1)

  detach()
  detachAgain()
  await expect(api.get('/items/')).rejects.toMatchObject({ response: { status: 401 } })
  expect(sent('/items/').at(-1)?.token).toBeUndefined()
})

test('C3: a request of a mock adapter with a relative responseURL is replayed after a 401', async () => {
  const statuses = [401, 200]
  const tokens: unknown[] = []
  const { api } = setUp({
    adapter: async (config) => {
      tokens.push(config.headers.get('Authorization'))
      const status = statuses.shift() as number
      const response = { status, statusText: '', headers: {}, data: {}, config, request: { responseURL: '/secret' } }
      if (status === 200) return response
      throw new AxiosError('refused', AxiosError.ERR_BAD_REQUEST, config, response.request, response)
    },
  })

  expect((await api.get('/secret')).status).toBe(200)

  expect(tokens).toEqual([expect.stringMatching(/^Bearer /), expect.stringMatching(/^Bearer /)])
  expect(tokens[1]).not.toBe(tokens[0])
})

test('an invalid URL rejects with the error of axios', async () => {
  const { api } = setUp({ baseURL: '' })

  const error = await api.get('/items/').catch((error) => error)

  expect(error).toMatchObject({ code: 'ERR_INVALID_URL' })
  expect(server.seen).toEqual([])
})
