// The memory of the server for guests: a million who log in, each from a network of its own, and then send a request each.

import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { wait } from './harness/connections.mjs'
import { load } from './harness/load.mjs'
import { heading, printTable, say } from './harness/tables.mjs'

/** Limits that count, and never refuse. */
const LIMITS = {
  GUESTPASS_LOGIN_RATE: '1000000/1h',
  GUESTPASS_LOGIN_RATE_TOTAL: 'off',
  GUESTPASS_REFRESH_RATE: '600/1h',
}
/** Two flushes of the recorded activity, in seconds. */
const FLUSHED = 8

export async function million({ folder, size, emptyServer }) {
  heading(`${size.logins.toLocaleString('en')} guests at once`)
  const env = { ...LIMITS, GUESTPASS_TRUSTED_PROXY: '127.0.0.1' }
  const { server, store } = await emptyServer('million', { env })
  const tokens = join(folder, 'million.tokens')
  const rows = [row('at the start', server)]
  const { seconds } = size
  const mayBeNone = true

  const logIn = () => {
    const args = [tokens, randomBytes(12).toString('base64url')]
    return load(server, { script: 'new_guest.lua', path: '/anonymous-login', args, seconds, mayBeNone })
  }
  const guests = await repeat(logIn, size.logins)
  rows.push(row(`${guests.toLocaleString('en')} guests have logged in`, server))
  await wait(FLUSHED)
  rows.push(row(`the same, ${FLUSHED} s later`, server))

  const visit = (skip) =>
    load(server, { script: 'each_guest.lua', path: '/me', args: [tokens, String(skip)], seconds, mayBeNone })
  const visits = await repeat(visit, guests)
  rows.push(row(`${visits.toLocaleString('en')} requests, one guest after another`, server))
  await wait(FLUSHED)
  rows.push(row(`the same, ${FLUSHED} s later`, server))

  const refresh = (skip) =>
    load(server, { script: 'each_refresh.lua', path: '/token', args: [tokens, String(skip)], seconds, mayBeNone })
  const refreshes = await repeat(refresh, guests / 4)
  rows.push(row(`${refreshes.toLocaleString('en')} refreshes, one session after another`, server))
  await wait(FLUSHED)
  rows.push(row(`the same, ${FLUSHED} s later`, server))
  await server.stop()
  rmSync(tokens)

  printTable(['the process', 'MB', 'MB at most so far'], rows)
  say(`\n- the file: ${(store.bytes / 1e6).toFixed(0)} MB, ${(store.bytes / guests).toFixed(0)} bytes for each guest`)
}

/** Repeats a load until it has sent `count` requests. It gets the number of requests so far. */
async function repeat(run, count) {
  let sent = 0
  while (sent < count) sent += (await run(sent)).requests
  return sent
}

function row(what, server) {
  return [what, ...['VmRSS', 'VmHWM'].map((field) => (server.memory(field) / 1e6).toFixed(1))]
}
