// Sends requests with wrk and one of the scripts in load/.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const CONNECTIONS = 64
/** The thread that writes to SQLite. */
const WRITER = 'sqlite-writer'

const SCRIPTS = fileURLToPath(new URL('../load/', import.meta.url))

/**
 * Sends requests to `path` of a server for some seconds. With `core`, wrk runs on this processor only. With `pause`, each
 * connection waits after a response, for that many milliseconds on average. With `mayBeNone`, it is no error if the machine is so
 * busy that no response arrives in time.
 *
 * @returns requests and requests per second, microseconds of processor time per request of the server and of its writer thread,
 *   latencies in milliseconds
 */
export async function load(
  server,
  { script, path, args = [], seconds, core, connections = CONNECTIONS, pause, mayBeNone },
) {
  const wrk = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '--script', script]
  const command = [...(core === undefined ? [] : ['taskset', '--cpu-list', String(core)]), ...wrk]
  const before = server.cpuSeconds()
  const writerBefore = server.cpuSeconds(WRITER)
  const output = await run([...command, server.url + path, '--', ...args], pause && { BENCH_PAUSE: String(pause) })
  const cpu = server.cpuSeconds() - before
  const writer = server.cpuSeconds(WRITER) - writerBefore
  const report = /^report (\{.*\})$/m.exec(output)
  if (!report) throw new Error(`wrk has not reported:\n${output}`)
  const { requests, micros, failed, p50, p99, p999 } = JSON.parse(report[1])
  if (failed > 0 || (requests === 0 && !mayBeNone)) {
    throw new Error(`${failed} of ${requests} requests to ${path} failed:\n${output}`)
  }
  return {
    requests,
    rate: requests / (micros / 1e6),
    cpu: (cpu * 1e6) / requests,
    writer: (writer * 1e6) / requests,
    p50: p50 / 1000,
    p99: p99 / 1000,
    p999: p999 / 1000,
  }
}

function run([program, ...args], env) {
  const child = spawn(program, args, {
    cwd: SCRIPTS,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${program}: ${code}\n${output}`))))
  })
}
