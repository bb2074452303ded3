// The memory of the server for open connections: idle ones, and streams of events.

import { readFileSync } from 'node:fs'
import { Connections, wait } from './harness/connections.mjs'
import { logIn } from './harness/guests.mjs'
import { heading, printTable, say } from './harness/tables.mjs'

/** How long events are counted, in seconds. */
const SECONDS = 10

export async function connections({ quick, emptyServer, benchApp }) {
  // Below the default of --max-connections, and half of the files that the harness and the server can each have open.
  const count = quick ? 200 : 9_900
  heading(`Memory of ${count.toLocaleString('en')} connections`)
  // A process of its own for each row, because memory that was in use once is used again.
  const serve = async (name) => {
    const env = { GUESTPASS_CLIENT_TIMEOUT: '10m' }
    return (await emptyServer(`connections-${name}`, { env })).server
  }
  const rows = [
    await measure('guestpass serve: no request yet', await serve('new'), count),
    await measure('guestpass serve: idle after `GET /me`', await serve('idle'), count, '/me'),
    await measure('axum::serve: idle after `GET /guest`', await benchApp('app-idle'), count, '/guest'),
    await measure('axum::serve: stream without events', await benchApp('app-silence'), count, '/silence'),
    await measure('axum::serve: stream, one event per second', await benchApp('app-events'), count, '/events'),
  ]
  printTable(
    [
      'a connection',
      'KB in the process',
      'KB in the kernel',
      'MB before',
      'MB at most',
      'MB after they are closed',
      'events/s',
      'CPU µs/event',
    ],
    rows,
  )
  say('\nThe kernel has as much again for the other end, which is on another machine in practice.')
}

/** A row of the table. Stops the server. */
async function measure(name, server, count, path) {
  const tokens = await logIn(server, 100)
  const before = server.memory()
  const slabBefore = slab()
  const open = await Connections.open(server, count)
  if (path) await open.get(path, tokens)
  // The last pages are counted late.
  await wait(1)
  const streams = path === '/events' ? await events(server, open) : []
  const during = server.memory()
  const kernel = (slab() - slabBefore) / 2
  const still = await open.close()
  if (still !== count) throw new Error(`${name}: ${count - still} of ${count} connections were closed too early`)
  await wait(5)
  const megabytes = [before, server.memory('VmHWM'), server.memory()].map((bytes) => (bytes / 1e6).toFixed(1))
  await server.stop()
  const perConnection = [during - before, kernel].map((bytes) => (bytes / count / 1e3).toFixed(1))
  return [name, ...perConnection, ...megabytes, streams[0] ?? '', streams[1] ?? '']
}

async function events(server, open) {
  const before = server.cpuSeconds()
  const events = await open.events(SECONDS)
  const cpu = server.cpuSeconds() - before
  // One more or less at the beginning and the end.
  if (events < open.count * (SECONDS - 2)) throw new Error(`only ${events} events on ${open.count} streams`)
  return [Math.round(events / SECONDS).toLocaleString('en'), ((cpu * 1e6) / events).toFixed(1)]
}

/** The memory of the kernel for its objects, such as sockets, in bytes. */
function slab() {
  return Number(/^Slab:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1]) * 1024
}
