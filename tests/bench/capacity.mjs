// How many guests a machine carries at once: the times of each kind of request, and of the requests of visitors together.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { logIn, tokenFile } from './harness/guests.mjs'
import { CONNECTIONS, load } from './harness/load.mjs'
import { inTurn, medianOf } from './harness/rounds.mjs'
import { SqliteStore } from './harness/store.mjs'
import { heading, printTable, say } from './harness/tables.mjs'

const MANY = 1000
/** Requests of a guest per second in `visits.lua`: 4 a minute behind `Guest`, and the others. */
const REQUESTS_PER_GUEST = (4 / 60) * (1000 / 929)
/** The share of the processors that the requests may use, so that bursts find a free one. */
const SHARE = 0.7

export async function capacity({ folder, size, benchApp }) {
  heading(`Capacity, with ${size.online.toLocaleString('en')} guests`)
  const { app, kinds } = await start('capacity', { folder, size, benchApp })

  const closed = await run(kinds, size, {})
  printLatencies(`${CONNECTIONS} connections, each sends at once when it has a response`, closed)
  const many = await run(kinds, size, { connections: MANY })
  printLatencies(`${MANY.toLocaleString('en')} connections, each sends at once when it has a response`, many)
  const half = Object.fromEntries(
    Object.entries(kinds).map(([name, kind]) => {
      const pause = (MANY * 2000) / medianOf(closed[name], 'rate')
      return [name, (how) => kind({ ...how, pause })]
    }),
  )
  printLatencies(
    `${MANY.toLocaleString('en')} connections at half of the first rate`,
    await run(half, size, { connections: MANY }),
  )
  await app.stop()
  await onOneCore({ folder, size, benchApp })
}

async function onOneCore({ folder, size, benchApp }) {
  const { app, kinds } = await start('capacity-alone', { folder, size, benchApp }, { core: 0 })
  const alone = await run(kinds, size, { core: 1 })
  await app.stop()
  printTable(
    [
      'server on one processor, load on another',
      'requests/s',
      'p99 ms',
      'server CPU µs/request',
      'of these, the writer',
    ],
    Object.entries(alone).map(([name, rounds]) => [
      name,
      rate(rounds),
      ...['p99', 'cpu', 'writer'].map((figure) => medianOf(rounds, figure).toFixed(1)),
    ]),
  )
  const { visits } = alone
  const [perSecond, cpu, writer] = ['rate', 'cpu', 'writer'].map((figure) => medianOf(visits, figure))
  const guests = (requests) => Math.round((requests * SHARE) / REQUESTS_PER_GUEST / 1000).toLocaleString('en')
  printTable(
    ['processors', 'requests/s of visits', 'guests at once, thousands', 'how'],
    [
      ['1', perSecond, 'measured'],
      ...[2, 4].map((cores) => [
        String(cores),
        Math.min((cores * 1e6) / cpu, 1e6 / writer),
        1e6 / writer < (cores * 1e6) / cpu
          ? 'computed: the writer thread is the limit'
          : 'computed from the time per request',
      ]),
    ].map(([cores, requests, how]) => [cores, Math.round(requests).toLocaleString('en'), guests(requests), how]),
  )
  say(`\n- at ${SHARE * 100} % of the rate, and ${(REQUESTS_PER_GUEST * 60).toFixed(1)} requests a minute and guest`)
}

/** An application with many guests, and the loads, by name. Each gets the options of the load that differ. */
async function start(name, { folder, size: { guests, pool, online, seconds }, benchApp }, options) {
  const app = await benchApp(name, options)
  const store = new SqliteStore(folder, name)
  const all = join(folder, `${name}-all.tokens`)
  for (let count = 0; count < online; ) {
    const login = { script: 'new_guest.lua', path: '/anonymous-login', args: [all, once()], seconds }
    count += (await load(app, login)).requests
  }
  const few = tokenFile(folder, `${name}-few`, await logIn(app, guests))
  const refreshTokens = () => tokenFile(folder, `${name}-refresh`, store.refreshTokens(pool))
  const kind = (script, path, args) => (how) => load(app, { script, path, args: args(), ...how })
  const kinds = {
    [`behind Guest, ${guests.toLocaleString('en')} guests`]: kind('verified.lua', '/guest', () => [few]),
    'behind Guest, all guests in turn': kind('each_guest.lua', '/guest', () => [all]),
    'login as the SDK does': kind('sdk_login.lua', '/anonymous-login', () => [once()]),
    refresh: kind('refresh.lua', '/token', () => [refreshTokens()]),
    'change of a cart': kind('cart.lua', '/', () => [few, once()]),
    visits: kind('visits.lua', '/', () => [all, once()]),
  }
  return { app, kinds }
}

/** A part of idempotency keys that no other load has. */
function once() {
  return randomBytes(12).toString('base64url')
}

function run(kinds, { rounds, seconds }, how) {
  const contenders = Object.entries(kinds).map(([name, kind]) => [name, () => kind({ seconds, ...how })])
  return inTurn(Object.fromEntries(contenders), Math.ceil(rounds / 2))
}

function printLatencies(how, contenders) {
  printTable(
    [how, 'requests/s', 'p50 ms', 'p99 ms', 'p99.9 ms', 'server CPU µs/request', 'of these, the writer'],
    Object.entries(contenders).map(([name, rounds]) => [
      name,
      rate(rounds),
      ...['p50', 'p99', 'p999'].map((figure) => medianOf(rounds, figure).toFixed(2)),
      ...['cpu', 'writer'].map((figure) => medianOf(rounds, figure).toFixed(1)),
    ]),
  )
}

function rate(rounds) {
  return Math.round(medianOf(rounds, 'rate')).toLocaleString('en')
}
