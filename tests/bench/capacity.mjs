// How many guests a machine carries at once: the times of each kind of request, and of the requests of visitors together.

import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { logIn, tokenFile } from './harness/guests.mjs'
import { CONNECTIONS, load } from './harness/load.mjs'
import { inTurn, medianOf } from './harness/rounds.mjs'
import { SqliteStore } from './harness/store.mjs'
import { heading, printTable, say } from './harness/tables.mjs'

const MANY = 1000
/** The requests of one guest per second, as `visits.lua` sends them: the load, and how often. */
const VISIT = {
  'behind Guest, all in turn': 4 / 60,
  'change of a cart': 3 / 900,
  refresh: 1 / 900,
  'login as the SDK does': 1 / 1800,
}
const REQUESTS_PER_GUEST = sum(Object.values(VISIT))
/** The share of the processors that the requests may use, so that bursts find a free one. */
const SHARE = 0.7

export async function capacity({ folder, size, benchApp }) {
  heading(`Capacity: ${inWords(size.online)} of ${inWords(size.logins)} guests are there`)
  const store = new SqliteStore(folder, 'capacity')
  // The server makes the tables and the keys.
  await (await benchApp('capacity')).stop()
  store.fill(size.logins)
  const app = await benchApp('capacity')
  const online = await openSessions(app, store, folder, size)
  const few = tokenFile(folder, 'few', await logIn(app, size.guests))
  const loads = loadsOf({ store, folder, size, online, few })

  const closed = await run(app, loads, size)
  printLatencies(`${CONNECTIONS} connections, each sends when it has a response`, closed)
  const many = { connections: MANY }
  printLatencies(`${inWords(MANY)} connections, each sends when it has a response`, await run(app, loads, size, many))
  const pauseOf = (name) => (MANY * 2000) / medianOf(closed[name], 'rate')
  const half = await run(app, loads, size, many, pauseOf)
  printLatencies(`${inWords(MANY)} connections with pauses, at half of the first rate`, half)
  await app.stop()

  const alone = await benchApp('capacity', { core: 0 })
  const onOneCore = await run(alone, loads, size, { core: 1 })
  await alone.stop()
  printLatencies('server on one processor, load on another', onOneCore)
  printCapacity(onOneCore.visits)
  printProcessors(onOneCore)
}

/** Access tokens of random sessions of the store, in a file: in an order that is not that of the rows. */
async function openSessions(app, store, folder, { online, pool, seconds }) {
  // More than are exchanged, because a load ends by time.
  const refreshTokens = new Set()
  while (refreshTokens.size < online + 20_000 * seconds && refreshTokens.size < online * 3) {
    for (const token of store.refreshTokens(pool)) refreshTokens.add(token)
  }
  const [from, to] = [tokenFile(folder, 'closed', [...refreshTokens]), join(folder, 'online.tokens')]
  for (let open = 0; open < online; ) {
    const exchange = {
      script: 'each_refresh.lua',
      path: '/token',
      args: [from, String(open), to],
      seconds,
      mayBeNone: true,
    }
    open += (await load(app, exchange)).requests
  }
  return to
}

/** The loads, by name. Each returns the options of `load` for one run. */
function loadsOf({ store, folder, size: { guests, pool, online: count }, online, few }) {
  // Where a load begins in the file, so that no run sends the same tokens as the run before it.
  const somewhere = () => String(Math.floor(Math.random() * count))
  const refreshTokens = () => tokenFile(folder, 'refresh', store.refreshTokens(pool))
  return {
    [`behind Guest, ${inWords(guests)} guests`]: () => ({ script: 'verified.lua', path: '/guest', args: [few] }),
    'behind Guest, all in turn': () => ({ script: 'each_guest.lua', path: '/guest', args: [online, somewhere()] }),
    'login as the SDK does': () => ({ script: 'sdk_login.lua', path: '/anonymous-login', args: [once()] }),
    refresh: () => ({ script: 'refresh.lua', path: '/token', args: [refreshTokens()] }),
    'change of a cart': () => ({ script: 'cart.lua', path: '/', args: [few, once()] }),
    visits: () => ({ script: 'visits.lua', path: '/', args: [online, once(), somewhere()] }),
  }
}

/** A part of idempotency keys that no other load has. */
function once() {
  return randomBytes(12).toString('base64url')
}

function inWords(number) {
  return number.toLocaleString('en')
}

function run(app, loads, { rounds, seconds }, how = {}, pauseOf = () => undefined) {
  const contenders = Object.entries(loads).map(([name, options]) => {
    return [name, () => load(app, { ...options(), seconds, ...how, pause: pauseOf(name) })]
  })
  return inTurn(Object.fromEntries(contenders), Math.ceil(rounds / 2))
}

/** The table of docs/guides/capacity.md, from the requests of visitors on one processor. */
function printCapacity(visits) {
  const [measured, cpu, writer] = ['rate', 'cpu', 'writer'].map((figure) => medianOf(visits, figure))
  const row = (processors, rate, how) => {
    const guests = Math.round((rate * SHARE) / REQUESTS_PER_GUEST / 1000)
    return [processors, inWords(Math.round(rate)), `${inWords(guests)},000`, how]
  }
  const computed = (processors) => {
    const [byAll, byWriter] = [processors * measured, 1e6 / writer]
    const limit = byWriter < byAll ? 'the thread that writes is the limit' : 'all processors are in use'
    return row(String(processors), Math.min(byAll, byWriter), `computed: ${limit}`)
  }
  printTable(
    ['processors', 'requests/s of visits at most', `guests at ${SHARE * 100} % of it`, ''],
    [row('1', measured, 'measured'), computed(2), computed(4)],
  )
  say(`\n- ${(REQUESTS_PER_GUEST * 60).toFixed(1)} requests a minute and guest; ${cpu.toFixed(1)} µs each`)
}

/** What a number of guests needs, computed from the time of each kind of request. */
function printProcessors(contenders) {
  const rows = [10_000, 100_000, 1_000_000].map((guests) => {
    const needed = (figure) => {
      const micros = Object.entries(VISIT).map(([name, often]) => often * medianOf(contenders[name], figure))
      return ((guests * sum(micros)) / 1e6).toFixed(2)
    }
    return [guests, guests * REQUESTS_PER_GUEST]
      .map((number) => inWords(Math.round(number)))
      .concat(needed('cpu'), needed('writer'))
  })
  printTable(['guests at once', 'requests/s', 'processors in use', 'of these, the writer'], rows)
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0)
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
