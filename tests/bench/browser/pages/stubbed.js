// Calls of each contender, with a `fetch` that responds at once.

import './stub.js'
import axios from 'axios'
import { createSession } from 'guestpass'
import { createClassicClient } from '../../../interop/classic_client.js'
import { manySessions } from './many_sessions.js'
import { fetched } from './stub.js'

const URL_OF_ITEMS = `${location.origin}/items/`
const HEADERS = { headers: { Accept: 'application/json' } }

const session = createSession()
const api = createClassicClient(axios, location.origin, localStorage)
api.defaults.adapter = 'fetch'
const bare = createClassicClient(axios, location.origin, localStorage)
bare.defaults.adapter = async (config) => {
  const response = await fetch(URL_OF_ITEMS, { headers: { Authorization: config.headers.Authorization } })
  return { config, request: {}, status: response.status, statusText: '', headers: {}, data: await response.text() }
}
localStorage.setItem('token', 'x'.repeat(500))

const contenders = {
  bare: async () => (await fetch(URL_OF_ITEMS)).json(),
  'bare, with headers': async () => (await fetch(URL_OF_ITEMS, { ...HEADERS })).json(),
  guestpass: async () => (await session.fetch(URL_OF_ITEMS)).json(),
  'guestpass, with headers': async () => (await session.fetch(URL_OF_ITEMS, { ...HEADERS })).json(),
  axios: async () => (await api.get('/items/')).data,
  'axios, bare adapter': async () => (await bare.get('/items/')).data,
}

for (const call of Object.values(contenders)) {
  const { id } = await call()
  if (id !== 7) throw new Error('unexpected response')
}
if (fetched.withToken < 4) throw new Error('the token was not attached')

globalThis.bench = {
  /** Makes calls one after the other. */
  async calls(name, calls) {
    const call = contenders[name]
    for (let done = 0; done < calls; done++) await call()
  },
  sessions: (count, drop) => manySessions(createSession, count, drop),
}
