// The bench of the server: compared with an axum application without authentication, and with a service in FastAPI and python-jose.
// Prints tables. Fails only when a response is wrong. docs/performance.md explains the results.
//
//   node tests/bench/run.mjs [PART…] [--quick]      verified logins refreshes changes postgres memory
//                                                 million connections capacity; all of them when none is named
//
// BENCH_PROGRAMS   the folder with `guestpass` and `bench-app`, built for release
// BENCH_PYTHON     a Python that has tests/bench/requirements.txt installed

import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { capacity } from './capacity.mjs'
import { connections } from './connections.mjs'
import { logIn, logInToRefresh, refresh, tokenFile } from './harness/guests.mjs'
import { load } from './harness/load.mjs'
import { machine } from './harness/machine.mjs'
import { Server } from './harness/process.mjs'
import { inTurn, medianOf } from './harness/rounds.mjs'
import { PostgresStore, SqliteStore } from './harness/store.mjs'
import { heading, printRates, printRatio, printTable, say } from './harness/tables.mjs'
import { million } from './million.mjs'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const PROGRAMS = process.env.BENCH_PROGRAMS ?? 'target/release'
const PARTS = { verified, logins, refreshes, changes, postgres, memory, million, connections, capacity }

const quick = process.argv.includes('--quick')
const size = quick
  ? { rounds: 1, seconds: 1, guests: 100, pool: 2000, rows: 100_000, logins: 20_000, online: 5000 }
  : { rounds: 5, seconds: 3, guests: 1000, pool: 20_000, rows: 10_000_000, logins: 1_000_000, online: 300_000 }

const FULL = `with ${size.rows.toLocaleString('en')} guests, sessions and entries`

const folder = mkdtempSync(join(PROGRAMS, 'bench-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))

let full

async function main(parts) {
  for (const part of parts) {
    if (!Object.hasOwn(PARTS, part))
      throw new Error(`there is no part '${part}'; there are: ${Object.keys(PARTS).join(' ')}`)
  }
  say(machine(process.env.BENCH_PYTHON))
  say(`${size.rounds} rounds of ${size.seconds} s each, in turn; medians.${quick ? ' QUICK: too short to quote.' : ''}`)
  for (const part of parts) await PARTS[part]({ folder, quick, size, emptyServer, benchApp })
}

/** The time to identify the guest of a request. */
async function verified() {
  heading('Verified requests: GET of a constant')
  withoutSocket()
  await onOneCore()
  await onAllCores()
}

/** Calls of the router in one thread: the time of the extractor itself. */
function withoutSocket() {
  const args = [new SqliteStore(folder, 'calls').location, '--calls', String(quick ? 1 : 20)]
  const output = execFileSync(join(PROGRAMS, 'bench-app'), args, { encoding: 'utf8' })
  const rounds = output.trim().split('\n').map(JSON.parse)
  const row = (what, figure) => [what, medianOf(rounds.map(figure), 'ns').toFixed(0)]
  printTable(
    ['calls of the router, without a socket', 'ns of processor time'],
    [
      row('no authentication', ({ open }) => ({ ns: open })),
      row('Guest, 1000 tokens', ({ guest }) => ({ ns: guest })),
      row('the difference', ({ open, guest }) => ({ ns: guest - open })),
    ],
  )
}

/** The server on one processor and wrk on another. */
async function onOneCore() {
  const app = await benchApp('alone', { core: 0 })
  const args = [tokenFile(folder, 'alone', await logIn(app, size.guests))]
  const oneToken = [tokenFile(folder, 'alone-one', await logIn(app, 1))]
  const get = (path, tokens) => () =>
    load(app, { script: 'verified.lua', path, args: tokens, seconds: size.seconds, core: 1 })
  const rounds = await inTurn(
    { open: get('/open', args), many: get('/guest', args), one: get('/guest', oneToken) },
    size.rounds,
  )
  await app.stop()
  printRates('server on one processor, load on another', {
    'axum, no authentication': rounds.open,
    [`axum, Guest, ${size.guests} tokens`]: rounds.many,
    'axum, Guest, one token': rounds.one,
  })
  printRatio('no authentication / Guest, processor time of a request', rounds.open, rounds.many, 0.95, 'cpu')
  printRatio('Guest / no authentication, rate', rounds.many, rounds.open, 0.9)
  printRatio('the same, one token', rounds.one, rounds.open)
}

async function onAllCores() {
  const app = await benchApp('shared')
  const { store, app: filled } = await benchAppOnFullStore()
  const classic = await classicService()
  const get = async (server, name, tokens) => {
    const args = [tokenFile(folder, name, tokens)]
    return () => load(server, { script: 'verified.lua', path: '/guest', args, seconds: size.seconds })
  }
  const rounds = await inTurn(
    {
      guest: await get(app, 'shared', await logIn(app, size.guests)),
      filled: await get(filled, 'filled', await refresh(filled, store.refreshTokens(size.guests))),
      classic: await get(classic, 'classic', await logIn(classic, size.guests)),
    },
    size.rounds,
  )
  await Promise.all([app.stop(), filled.stop(), classic.stop()])
  printRates('server and load share all processors', {
    'axum, Guest': rounds.guest,
    [`axum, Guest, ${FULL}`]: rounds.filled,
    'FastAPI + python-jose, two workers': rounds.classic,
  })
  printRatio('Guest / FastAPI', rounds.guest, rounds.classic, 8)
  printRatio('full store / empty store', rounds.filled, rounds.guest, 0.8)
}

/** Guestpass stores each login on disk before it responds (synchronous=FULL). The FastAPI service stores nothing. */
async function logins() {
  heading('Logins: POST /anonymous-login')
  const { server } = await emptyServer('logins')
  const { server: filled } = await fullServer()
  const classic = await classicService()
  const post = (to, script) => () => {
    const args = [randomBytes(12).toString('base64url')]
    return load(to, { script, path: '/anonymous-login', args, seconds: size.seconds })
  }
  const rounds = await inTurn(
    {
      simple: post(server, 'login.lua'),
      simpleFilled: post(filled, 'login.lua'),
      classic: post(classic, 'login.lua'),
      sdk: post(server, 'sdk_login.lua'),
      sdkFilled: post(filled, 'sdk_login.lua'),
    },
    size.rounds,
  )
  await Promise.all([server.stop(), filled.stop(), classic.stop()])
  printRates('server and load share all processors', {
    'guestpass, durable': rounds.simple,
    [`guestpass, durable, ${FULL}`]: rounds.simpleFilled,
    'FastAPI + python-jose, two workers, no database': rounds.classic,
    'guestpass, durable, as the SDK logs in': rounds.sdk,
    [`guestpass, durable, as the SDK logs in, ${FULL}`]: rounds.sdkFilled,
  })
  printRatio('durable / FastAPI without a database', rounds.simple, rounds.classic, 1)
  printRatio('full store / empty store', rounds.simpleFilled, rounds.simple, 0.8)
  printRatio('full store / empty store, as the SDK logs in', rounds.sdkFilled, rounds.sdk, 0.8)
}

/** Refreshes of random sessions, each token once. */
async function refreshes() {
  heading('Refreshes: POST /token')
  const { server, store } = await emptyServer('refreshes')
  const { server: filled, store: filledStore } = await fullServer()
  const args = [randomBytes(12).toString('base64url')]
  await load(server, { script: 'sdk_login.lua', path: '/anonymous-login', args, seconds: size.seconds })
  const post = (to, from, name) => () => {
    const tokens = tokenFile(folder, name, from.refreshTokens(size.pool))
    return load(to, { script: 'refresh.lua', path: '/token', args: [tokens], seconds: size.seconds })
  }
  const rounds = await inTurn(
    { empty: post(server, store, 'refresh'), filled: post(filled, filledStore, 'refresh-filled') },
    size.rounds,
  )
  await Promise.all([server.stop(), filled.stop()])
  printRates('server and load share all processors', {
    'guestpass, durable': rounds.empty,
    [`guestpass, durable, ${FULL}`]: rounds.filled,
  })
  printRatio('full store / empty store', rounds.filled, rounds.empty, 0.85)
}

/** Additions to the carts of some guests. In the full store, the guests are spread over all of it. */
async function changes() {
  heading('Changes of a cart: POST /me/cart/{key}')
  const { server } = await emptyServer('changes')
  const { server: filled, store } = await fullServer()
  const add = (to, name, tokens) => addToCarts(to, tokenFile(folder, name, tokens))
  const rounds = await inTurn(
    {
      empty: add(server, 'changes', await logIn(server, size.guests)),
      filled: add(filled, 'changes-filled', await refresh(filled, store.refreshTokens(size.guests))),
      spread: add(filled, 'changes-spread', await refresh(filled, store.refreshTokens(size.pool))),
    },
    size.rounds,
  )
  await Promise.all([server.stop(), filled.stop()])
  printRates('server and load share all processors', {
    'guestpass, durable': rounds.empty,
    [`guestpass, durable, ${FULL}`]: rounds.filled,
    [`the same, each of ${size.pool.toLocaleString('en')} guests seldom`]: rounds.spread,
  })
  printRatio('full store / empty store', rounds.filled, rounds.empty, 0.8)
  printRatio('the same, each guest seldom', rounds.spread, rounds.empty)
  const { entries, bytes } = store.sizeOfEntries()
  say(`- a million entries take ${(bytes / entries).toFixed(0)} MB in the file`)
}

/** A contender that adds to the cart of one guest after another. */
function addToCarts(to, tokens) {
  return () => {
    const args = [tokens, randomBytes(12).toString('base64url')]
    return load(to, { script: 'cart.lua', path: '/', args, seconds: size.seconds })
  }
}

/** The same with PostgreSQL on the same machine: the node and the database share the processors. */
async function postgres() {
  heading('PostgreSQL beside SQLite')
  const database = await PostgresStore.start()
  const onPostgres = await guestpass(database)
  const app = await Server.start([join(PROGRAMS, 'bench-app'), database.location])
  const { server: onSqlite } = await emptyServer('beside')
  const verify = [tokenFile(folder, 'postgres', await logIn(app, size.guests))]
  const carts = async (to, name) => addToCarts(to, tokenFile(folder, name, await logIn(to, size.guests)))
  const post = (to) => () => {
    const args = [randomBytes(12).toString('base64url')]
    return load(to, { script: 'sdk_login.lua', path: '/anonymous-login', args, seconds: size.seconds })
  }
  const exchange = (to, name) => async () => {
    const args = [tokenFile(folder, name, await logInToRefresh(to, Math.min(size.pool, 2000)))]
    return load(to, { script: 'refresh.lua', path: '/token', args, seconds: size.seconds })
  }
  const rounds = await inTurn(
    {
      login: post(onSqlite),
      loginPostgres: post(onPostgres),
      refresh: exchange(onSqlite, 'refresh-sqlite'),
      refreshPostgres: exchange(onPostgres, 'refresh-postgres'),
      change: await carts(onSqlite, 'carts-sqlite'),
      changePostgres: await carts(onPostgres, 'carts-postgres'),
      verifiedPostgres: () =>
        load(app, { script: 'verified.lua', path: '/guest', args: verify, seconds: size.seconds }),
    },
    size.rounds,
  )
  await Promise.all([onPostgres.stop(), onSqlite.stop(), app.stop()])
  await database.stop()
  printRates('server, database and load share all processors', {
    'login as the SDK does, SQLite': rounds.login,
    'login as the SDK does, PostgreSQL': rounds.loginPostgres,
    'refresh, SQLite': rounds.refresh,
    'refresh, PostgreSQL': rounds.refreshPostgres,
    'change of a cart, SQLite': rounds.change,
    'change of a cart, PostgreSQL': rounds.changePostgres,
    'verified request, PostgreSQL': rounds.verifiedPostgres,
  })
  printRatio('logins, PostgreSQL / SQLite', rounds.loginPostgres, rounds.login)
  printRatio('refreshes, PostgreSQL / SQLite', rounds.refreshPostgres, rounds.refresh)
  printRatio('changes of a cart, PostgreSQL / SQLite', rounds.changePostgres, rounds.change)
}

/** The memory of the process after many logins. */
async function memory() {
  heading('Memory')
  const { server, store } = await emptyServer('memory')
  const before = server.memory()
  let sessions = 0
  while (sessions < size.logins) {
    const args = [randomBytes(12).toString('base64url')]
    const seconds = size.seconds
    const { rate } = await load(server, { script: 'sdk_login.lua', path: '/anonymous-login', args, seconds })
    sessions += Math.round(rate * seconds)
  }
  const after = server.memory()
  const most = server.memory('VmHWM')
  await server.stop()
  printTable(
    ['', 'MB'],
    [
      ['resident at the start', before / 1e6],
      [`resident after ${sessions.toLocaleString('en')} logins`, after / 1e6],
      ['resident at most', most / 1e6],
      ['the file', store.bytes / 1e6],
    ].map(([what, megabytes]) => [what, megabytes.toFixed(1)]),
  )
}

async function emptyServer(name, options) {
  const store = new SqliteStore(folder, name)
  return { store, server: await guestpass(store, options) }
}

async function fullServer() {
  const store = await fullStore()
  return { store, server: await guestpass(store) }
}

async function benchAppOnFullStore() {
  const store = await fullStore()
  return { store, app: await Server.start([join(PROGRAMS, 'bench-app'), store.location]) }
}

/** A SQLite file with many rows. It is filled once per run, because this takes minutes. */
async function fullStore() {
  if (full) return full
  say(`\nfilling a store ${FULL} …`)
  const store = new SqliteStore(folder, 'full')
  // The server makes the tables and the keys.
  await (await guestpass(store)).stop()
  store.fill(size.rows)
  full = store
  return full
}

function guestpass(store, options) {
  const serve = ['serve', '--listen', '127.0.0.1:0', '--store', store.location]
  return Server.start([join(PROGRAMS, 'guestpass'), ...serve], options)
}

function benchApp(name, options) {
  return Server.start([join(PROGRAMS, 'bench-app'), new SqliteStore(folder, name).location], options)
}

function classicService() {
  const quiet = ['--no-access-log', '--no-use-colors']
  const app = ['classic_service:app', '--app-dir', HERE, '--workers', '2', '--port', '0', ...quiet]
  const env = { BENCH_SECRET: randomBytes(32).toString('hex'), PYTHONDONTWRITEBYTECODE: '1' }
  const command = [process.env.BENCH_PYTHON ?? 'python3', '-m', 'uvicorn', ...app]
  return Server.start(command, { env, ready: /Application startup complete/g, times: 2 })
}

const named = process.argv.slice(2).filter((argument) => argument !== '--quick')
await main(named.length > 0 ? named : Object.keys(PARTS))
