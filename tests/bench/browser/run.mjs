// The bench of the client in Chromium: `session.fetch` compared with axios and hand-written interceptors. Prints tables. Fails only
// when a response is wrong. docs/performance.md explains the results.
//
//   node tests/bench/browser/run.mjs [PART…] [--quick]      cpu cold returning storm memory sessions; without one, all
//
// BENCH_GUESTPASS   the path of the program `guestpass`, a release build

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { machine } from '../harness/browser_machine.mjs'
import { Server } from '../harness/process.mjs'
import { inTurn, medianOf, ratioOf } from '../harness/rounds.mjs'
import { heading, printTable, say } from '../harness/tables.mjs'
import { Chromium } from './chromium.mjs'
import { Site } from './site.mjs'

const PARTS = { cpu, cold, returning, storm, memory, sessions }
const TABS = 5
const CALLS = 100
const TTL_SECONDS = 10
/** In this time, a page loads and caches what it does not need for its first response. */
const REST_MS = 300

const quick = process.argv.includes('--quick')
const size = quick
  ? { rounds: 1, calls: 300, visits: 1, requests: 2_000, sessions: 1_000 }
  : { rounds: 15, calls: 3_000, visits: 15, requests: 100_000, sessions: 100_000 }

async function main(parts) {
  for (const part of parts) {
    if (!Object.hasOwn(PARTS, part))
      throw new Error(`there is no part '${part}'; there are: ${Object.keys(PARTS).join(' ')}`)
  }
  const chromium = await Chromium.start()
  try {
    say(await machine(chromium))
    if (quick) say('QUICK: too short to quote.')
    for (const part of parts) {
      await PARTS[part](chromium)
      await stopAll()
    }
  } finally {
    await stopAll()
    await chromium.stop()
  }
}

const started = []

/** Stops everything that a part has started before the next part. */
async function start(starting) {
  const resource = await starting
  started.push(resource)
  return resource
}

async function stopAll() {
  for (const resource of started.splice(0).reverse()) await resource.stop()
}

/** The time of a call in addition to the time of a bare `fetch`, with a `fetch` that responds at once. */
async function cpu(chromium) {
  heading('Processor time of the page per call, transport stubbed')
  const site = await start(Site.serve())
  const tab = await chromium.open(`${site.url}/stubbed.html`)
  await tab.until('globalThis.bench')
  const per = (contender) => async () => {
    const before = await tab.cpuSeconds()
    await tab.run(`return bench.calls('${contender}', ${size.calls})`)
    return { rate: (((await tab.cpuSeconds()) - before) * 1e6) / size.calls }
  }
  const contenders = [
    'bare',
    'guestpass',
    'guestpass, with headers',
    'bare, with headers',
    'axios',
    'axios, bare adapter',
  ]
  const rounds = await inTurn(Object.fromEntries(contenders.map((name) => [name, per(name)])), size.rounds)
  printTable(
    ['contender', 'µs per call'],
    contenders.map((name) => [name, medianOf(rounds[name], 'rate').toFixed(1)]),
  )
  const added = (name, bare = 'bare') =>
    rounds[name].map(({ rate }, round) => ({ rate: rate - rounds[bare][round].rate }))
  say('')
  ratio('added by session.fetch / added by axios with interceptors', added('guestpass'), added('axios'), 0.1)
  ratio('the same, requests with a header', added('guestpass, with headers', 'bare, with headers'), added('axios'))
  ratio(
    'added by session.fetch / added by axios, its adapter replaced by bare fetch',
    added('guestpass'),
    added('axios, bare adapter'),
  )
}

/** The networks between browser and server. Chromium adds the latency to each request. */
const NETWORKS = {
  'no network in between': undefined,
  '40 ms and 10 Mbit/s in between': { latency: 40, throughput: 1_250_000 },
}

/** How the page of the session is loaded, by the name of the page. */
const LOADING = {
  guestpass: 'guestpass',
  preloaded: 'guestpass, preloaded',
  early: 'guestpass, preloaded, early login',
  early_alone: 'guestpass, early login',
}

/** The time from the start of the navigation to the first response that needs a token, with empty storage and cache. */
async function cold(chromium) {
  heading('A cold page: navigation to the first authenticated response')
  const site = await siteOfServer()
  for (const [network, limits] of Object.entries(NETWORKS)) {
    const first = (page) => async () => {
      await forgetAll(chromium, site)
      return visit(chromium, site, page, limits)
    }
    printVisits(network, await inTurn(eachPage(first), size.visits), 'early', limits ? 0.75 : 0.9)
  }
}

/** The same for a visitor with a valid token in the storage. */
async function returning(chromium) {
  heading('A returning visitor: navigation to the first authenticated response')
  const site = await siteOfServer()
  for (const [network, limits] of Object.entries(NETWORKS)) {
    for (const cache of ['empty cache', 'warm cache']) {
      const again = (page) => async () => {
        await forgetAll(chromium, site)
        // Chromium keeps the compiled form of a script after its second load.
        for (let before = 0; before < 2; before++) await visit(chromium, site, page, undefined, REST_MS)
        if (cache === 'empty cache') await forgetAll(chromium)
        site.requests.clear()
        const figures = await visit(chromium, site, page, limits)
        if (site.requests.has('/anonymous-login')) throw new Error(`the visitor of ${page} has logged in again`)
        return figures
      }
      printVisits(`${cache}, ${network}`, await inTurn(eachPage(again), size.visits), 'early', 0.9)
    }
  }
}

async function siteOfServer() {
  return start(Site.serve((await guestpass()).url))
}

function eachPage(visit) {
  return Object.fromEntries([...Object.keys(LOADING), 'axios'].map((page) => [page, visit(page)]))
}

/** Clears the HTTP cache and, with `site`, its storage. */
async function forgetAll(chromium, site) {
  const tab = await chromium.open('about:blank')
  await tab.forget(site?.url)
  await tab.close()
}

/** `rest`: the time that the page stays open after the response, in milliseconds. */
async function visit(chromium, site, page, limits, rest = 0) {
  const tab = await chromium.open('about:blank')
  if (limits) await tab.throttle(limits)
  await tab.go(`${site.url}/${page}.html`)
  const rate = await tab.run('return responded')
  await setTimeout(rest)
  await tab.close()
  return { rate }
}

/** Prints the times and the ratios. The goal is for one page. */
function printVisits(how, { axios, ...rounds }, pageOfGoal, goal) {
  const row = (name, of) => {
    const times = of.map(({ rate }) => rate)
    return [name, ...[medianOf(of, 'rate'), Math.min(...times), Math.max(...times)].map((time) => time.toFixed(1))]
  }
  const rows = Object.entries(rounds).map(([page, of]) => row(LOADING[page], of))
  printTable([how, 'ms', 'least', 'greatest'], [...rows, row('axios', axios)])
  say('')
  for (const [page, of] of Object.entries(rounds)) {
    ratio(`${LOADING[page]} / axios`, of, axios, page === pageOfGoal ? goal : undefined)
  }
}

/** Five tabs with a hundred calls each, when the token has just expired. */
async function storm(chromium) {
  heading(`A storm: ${TABS} tabs × ${CALLS} calls at expiry`)
  const rows = []
  for (const page of ['guestpass', 'axios']) {
    const server = await guestpass('--access-ttl', `${TTL_SECONDS}s`, '--guest-token-ttl', `${TTL_SECONDS}s`)
    const site = await start(Site.serve(server.url))
    const tabs = []
    for (let index = 0; index < TABS; index++) {
      const tab = await chromium.open(`${site.url}/${page}.html`)
      await tab.run('return responded')
      tabs.push(tab)
    }
    // Two lifetimes, because a token that is in use is refreshed once before it expires.
    await setTimeout((2 * TTL_SECONDS + 1) * 1000)
    site.requests.clear()
    const moment = Date.now() + 1000
    for (const tab of tabs) await tab.run(`storm(${moment}, ${CALLS})`)
    for (const tab of tabs) await tab.until('globalThis.stormed')
    const good = await Promise.all(tabs.map((tab) => tab.run('return stormed')))
    const of = (path) => site.requests.get(path) ?? 0
    const sum = [...site.requests.values()].reduce((sum, count) => sum + count, 0)
    rows.push(
      [page, of('/items/'), of('/anonymous-login'), of('/token'), sum, good.reduce((a, b) => a + b)].map(String),
    )
    for (const tab of tabs) await tab.close()
  }
  printTable(['', 'GET /items/', 'POST /anonymous-login', 'POST /token', 'requests', 'successful responses'], rows)
}

/** The memory of the page after many calls. */
async function memory(chromium) {
  heading(`Memory after ${size.requests.toLocaleString('en')} calls, transport stubbed`)
  const site = await start(Site.serve())
  const tab = await chromium.open(`${site.url}/stubbed.html`)
  await tab.until('globalThis.bench')
  const rows = []
  for (const contender of ['guestpass', 'axios']) {
    await tab.run(`return bench.calls('${contender}', ${size.requests / 10})`)
    const before = await tab.heap()
    for (let part = 0; part < 10; part++) await tab.run(`return bench.calls('${contender}', ${size.requests / 10})`)
    const after = await tab.heap()
    const kilobytes = (bytes) => (bytes / 1024).toFixed(0)
    rows.push([
      contender,
      kilobytes(before.script),
      kilobytes(after.script),
      kilobytes(before.wasm),
      kilobytes(after.wasm),
    ])
  }
  printTable(['', 'JavaScript before, KB', 'after', 'WebAssembly before, KB', 'after'], rows)
}

/** The memory that remains after sessions were used, and closed or dropped. */
async function sessions(chromium) {
  heading(`Memory while ${size.sessions.toLocaleString('en')} sessions are made and used, one after another`)
  const rows = []
  for (const how of ['closed', 'dropped']) {
    rows.push(readingsRow(`Chromium, ${how}`, await sessionsInChromium(chromium, how)))
    rows.push(readingsRow(`Node ${process.version}, ${how}`, sessionsInNode(how)))
  }
  printTable(['KB', 'JavaScript after 10 %', '50 %', '100 %', 'WebAssembly after 10 %', '50 %', '100 %'], rows)
}

async function sessionsInChromium(chromium, how) {
  const site = await start(Site.serve())
  const tab = await chromium.open(`${site.url}/stubbed.html`)
  await tab.until('globalThis.bench')
  const readings = []
  for (let part = 0; part <= 10; part++) {
    await tab.run(`return bench.sessions(${size.sessions / 10}, ${how === 'dropped'})`)
    // Two collections: finalizers run in a later turn of the event loop.
    await tab.heap()
    readings.push(await tab.heap())
  }
  await tab.close()
  return readings
}

function sessionsInNode(how) {
  const script = new URL('sessions_in_node.mjs', import.meta.url).pathname
  const printed = execFileSync(process.execPath, ['--expose-gc', script, String(size.sessions), how], {
    encoding: 'utf8',
  })
  return JSON.parse(printed)
}

function readingsRow(name, readings) {
  const at = [readings[1], readings[5], readings[10]]
  const kilobytes = (kind) => at.map((reading) => (reading[kind] / 1024).toFixed(0))
  return [name, ...kilobytes('script'), ...kilobytes('wasm')]
}

function guestpass(...flags) {
  const program = process.env.BENCH_GUESTPASS ?? 'target/release/guestpass'
  return start(Server.start([program, 'serve', '--listen', '127.0.0.1:0', '--store', store(), ...flags]))
}

const folder = mkdtempSync(join(tmpdir(), 'guestpass-bench-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
let stores = 0

function store() {
  stores += 1
  return `sqlite:${join(folder, `${stores}.sqlite`)}`
}

function ratio(what, one, other, goal) {
  const { median, least, greatest } = ratioOf(one, other)
  const verdict = goal === undefined ? '' : `; goal at most ${goal}: ${median <= goal ? 'met' : 'MISSED'}`
  say(`- ${what}: **${median.toFixed(2)}** (${least.toFixed(2)} to ${greatest.toFixed(2)})${verdict}`)
}

const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
await main(named.length > 0 ? named : Object.keys(PARTS))
