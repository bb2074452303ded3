// Starts and stops the servers that are measured, and reads their processor time and memory.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { constants } from 'node:os'

// No rate limits: all requests come from one IP address.
const UNLIMITED = {
  GUESTPASS_LOGIN_RATE: 'off',
  GUESTPASS_LOGIN_RATE_TOTAL: 'off',
  GUESTPASS_REFRESH_RATE: 'off',
}

/** A server process that is ready. */
export class Server {
  #child
  url

  /**
   * Runs `command`, and waits until it prints its address. With `core`, it runs on this processor only. A service with several
   * processes prints its address too early: then each process prints `ready`, `times` times in all.
   */
  static async start(command, { env = {}, core, ready = /(?:)/g, times = 1 } = {}) {
    const [program, ...args] = core === undefined ? command : ['taskset', '--cpu-list', String(core), ...command]
    const child = spawn(program, args, {
      env: { ...process.env, ...UNLIMITED, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    started.add(child)
    child.once('exit', () => started.delete(child))
    const url = await new Promise((resolve, reject) => {
      let said = ''
      const read = (text) => {
        said += text
        const address = /(?:listening|running) on (http:\/\/\S+)/.exec(said)
        if (address && [...said.matchAll(ready)].length >= times) resolve(address[1])
      }
      for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', read)
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`${command[0]} ended with ${code}:\n${said}`)))
    })
    const server = new Server()
    server.#child = child
    server.url = url
    return server
  }

  /** The processor time of the process and its children so far, in seconds; or of its threads with a name. */
  cpuSeconds(thread) {
    const stats = thread === undefined ? this.#family() : threadsOf(this.#child.pid, thread)
    return stats.reduce((sum, of) => sum + cpuTicks(of), 0) / TICKS_PER_SECOND
  }

  /** The memory of the process in bytes: at present (`VmRSS`) or at most (`VmHWM`). */
  memory(field = 'VmRSS') {
    const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)[1]) * 1024
  }

  async stop() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exited = new Promise((resolve) => this.#child.once('exit', resolve))
    this.#child.kill('SIGTERM')
    await exited
  }

  #family() {
    const parents = new Map(
      readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map((pid) => [Number(pid), parentOf(pid)]),
    )
    const family = [this.#child.pid]
    for (const pid of family)
      family.push(...[...parents].filter(([, parent]) => parent === pid).map(([child]) => child))
    return family
  }
}

// Fixed by the Linux ABI, independent of the tick of the kernel.
const TICKS_PER_SECOND = 100

/** The fields of /proc/PID/stat after the name, of a process or thread. The name may contain any character. */
function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    // The process has just ended.
    return []
  }
}

/** As folders of /proc/PID. */
function threadsOf(pid, name) {
  const folders = readdirSync(`/proc/${pid}/task`).map((thread) => `${pid}/task/${thread}`)
  return folders.filter((folder) => nameOf(folder) === name)
}

function nameOf(thread) {
  try {
    return readFileSync(`/proc/${thread}/comm`, 'utf8').trim()
  } catch {
    // The thread has just ended.
    return undefined
  }
}

function parentOf(pid) {
  return Number(stat(pid)[1] ?? 0)
}

function cpuTicks(pid) {
  const fields = stat(pid)
  return Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
}

const started = new Set()

// Stops all servers at the end of the run, also after Ctrl-C or a failure.
process.once('exit', () => {
  for (const child of started) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]))
}
