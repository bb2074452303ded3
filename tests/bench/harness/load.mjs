// Sends requests with wrk and one of the scripts in load/.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const CONNECTIONS = 64

const SCRIPTS = fileURLToPath(new URL('../load/', import.meta.url))

/**
 * Sends requests to `path` of a server for some seconds. With `core`, wrk runs on this processor only.
 *
 * @returns requests per second, microseconds of the server's processor time per request, latencies in milliseconds
 */
export async function load(server, { script, path, args = [], seconds, core }) {
  const wrk = ['wrk', '-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '--timeout', '10s', '--script', script]
  const command = [...(core === undefined ? [] : ['taskset', '--cpu-list', String(core)]), ...wrk]
  const cpuBefore = server.cpuSeconds()
  const output = await run([...command, server.url + path, '--', ...args])
  const cpu = server.cpuSeconds() - cpuBefore
  const report = /^report (\{.*\})$/m.exec(output)
  if (!report) throw new Error(`wrk has not reported:\n${output}`)
  const { requests, micros, failed, p50, p99 } = JSON.parse(report[1])
  if (failed > 0 || requests === 0) throw new Error(`${failed} of ${requests} requests to ${path} failed:\n${output}`)
  return {
    rate: requests / (micros / 1e6),
    cpu: (cpu * 1e6) / requests,
    p50: p50 / 1000,
    p99: p99 / 1000,
  }
}

function run([program, ...args]) {
  const child = spawn(program, args, { cwd: SCRIPTS, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => (code === 0 ? resolve(output) : reject(new Error(`${program}: ${code}\n${output}`))))
  })
}
