// Processes that tests start and stop.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'

export interface ChildOptions {
  readonly command: string
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The working directory. Default: that of the tests. */
  readonly cwd?: string
  /** Matches the text that the process prints to stdout or stderr when it is ready. The first group becomes `greeting`. */
  readonly ready: RegExp
}

const START_TIMEOUT = 30_000
const STOP_TIMEOUT = 15_000

/** A process that prints a text when it is ready. It is killed when the test run ends. */
export class Child {
  /** The first group of `ready`, such as the URL of a server. */
  readonly greeting: string
  readonly #process: ChildProcessByStdio<null, Readable, Readable>
  readonly #printed: Printed

  static async start(options: ChildOptions): Promise<Child> {
    const child = spawn(options.command, options.args, {
      env: { ...process.env, ...options.env },
      cwd: options.cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const printed: Printed = { stdout: '', stderr: '' }
    running.add(child)
    child.once('exit', () => running.delete(child))
    const greeting = await new Promise<string>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${options.command} ${why}\n${printed.stdout}${printed.stderr}`))
      const timer = setTimeout(() => fail(`was not ready within ${START_TIMEOUT} ms`), START_TIMEOUT)
      const listen = (stream: 'stdout' | 'stderr') =>
        child[stream].setEncoding('utf8').on('data', (text: string) => {
          printed[stream] += text
          const match = options.ready.exec(printed[stream])
          if (match) {
            clearTimeout(timer)
            resolve(match[1] ?? '')
          }
        })
      listen('stdout')
      listen('stderr')
      child.once('error', (error) => fail(`did not start: ${error.message}`))
      child.once('close', (code, signal) => {
        clearTimeout(timer)
        fail(`ended with ${signal ?? code} before it was ready`)
      })
    })
    return new Child(child, printed, greeting)
  }

  private constructor(process: ChildProcessByStdio<null, Readable, Readable>, printed: Printed, greeting: string) {
    this.#process = process
    this.#printed = printed
    this.greeting = greeting
  }

  get stdout(): string {
    return this.#printed.stdout
  }

  get stderr(): string {
    return this.#printed.stderr
  }

  /** Sends a signal without waiting for its effect. */
  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal)
  }

  /** Ends the process. Resolves with its exit code, or null if a signal such as SIGKILL ended it. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const { exitCode, signalCode } = this.#process
    if (exitCode !== null || signalCode !== null) return exitCode
    const closed = once(this.#process, 'close')
    this.#process.kill(signal)
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT)
    await closed
    clearTimeout(timer)
    return this.#process.exitCode
  }
}

interface Printed {
  stdout: string
  stderr: string
}

const running = new Set<{ kill(signal: NodeJS.Signals): boolean }>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
