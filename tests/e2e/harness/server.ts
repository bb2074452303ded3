// The server that tests start, and its database.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Child } from './child.ts'

/** The programs that serve the API: the server, and the demo with its fault injection. */
export type Program = 'guestpass' | 'guestpass-demo'

/** A server on its own port, with its own SQLite file. The file is kept over restarts. */
export class Server implements AsyncDisposable {
  readonly #folder: string
  readonly #flags: readonly string[]
  readonly #program: Program
  #child: Child
  #stderr = ''

  /** Starts it with these flags beyond `--listen` and `--store`. */
  static async start(flags: readonly string[] = [], program: Program = 'guestpass'): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), 'guestpass-server-'))
    try {
      return new Server(folder, await serve(program, folder, '127.0.0.1:0', flags), flags, program)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  private constructor(folder: string, child: Child, flags: readonly string[], program: Program) {
    this.#folder = folder
    this.#child = child
    this.#flags = flags
    this.#program = program
  }

  /** The origin of the server. It stays the same over restarts. */
  get url(): string {
    return this.#child.greeting
  }

  /** The log of the server, of all runs. */
  get stderr(): string {
    return this.#stderr + this.#child.stderr
  }

  /** Stops the server with SIGTERM. */
  async stop(): Promise<void> {
    const code = await this.#child.stop('SIGTERM')
    if (code !== 0) throw new Error(`the server ended with ${code} on SIGTERM\n${this.stderr}`)
  }

  /** Restarts the server with the same port and file, and with further flags for this run. */
  async restart(...further: readonly string[]): Promise<void> {
    await this.stop()
    this.#stderr += this.#child.stderr
    this.#child = await serve(this.#program, this.#folder, new URL(this.url).host, [...this.#flags, ...further])
  }

  /** Pauses the process of the server: requests wait until `resume`. */
  pause(): void {
    this.#child.signal('SIGSTOP')
  }

  resume(): void {
    this.#child.signal('SIGCONT')
  }

  /** Kills the server, and removes its file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** Queries the SQLite file of the server. */
  async query<Row>(sql: string): Promise<Row[]> {
    const { stdout } = await run('sqlite3', ['-readonly', '-json', '-cmd', '.timeout 5000', file(this.#folder), sql])
    return stdout.trim() === '' ? [] : JSON.parse(stdout)
  }

  /** The ids of all guests in the database, the oldest guest first. */
  async guests(): Promise<string[]> {
    const rows = await this.query<{ id: string }>(
      `SELECT 'anonymous_' || id AS id FROM anonymous_user ORDER BY created_at`,
    )
    return rows.map(({ id }) => id)
  }

  /** All sessions in the database, the oldest first. */
  sessions(): Promise<SessionRow[]> {
    return this.query('SELECT counter, revoked_at IS NOT NULL AS revoked FROM session ORDER BY created_at')
  }

  /** The status of the response to `GET /me` with this access token. */
  async statusOfAccess(accessToken: string): Promise<number> {
    const response = await fetch(`${this.url}/me`, { headers: { Authorization: `Bearer ${accessToken}` } })
    return response.status
  }

  /** Sends `POST /token` with this refresh token. */
  refresh(refreshToken: string): Promise<Response> {
    return fetch(`${this.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }),
    })
  }

  /** Sends `POST /revoke` with this token. */
  async revoke(token: string): Promise<void> {
    const response = await fetch(`${this.url}/revoke`, { method: 'POST', body: new URLSearchParams({ token }) })
    if (response.status !== 200) throw new Error(`/revoke responded with ${response.status}: ${await response.text()}`)
  }
}

export interface SessionRow {
  /** The number of rotations of the refresh token. */
  readonly counter: number
  readonly revoked: 0 | 1
}

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))

function serve(program: Program, folder: string, listen: string, flags: readonly string[]): Promise<Child> {
  const command = program === 'guestpass' ? ['serve'] : []
  return Child.start({
    command: binary(program),
    args: [...command, '--listen', listen, '--store', `sqlite:${file(folder)}`, ...flags],
    // No rate limits: all visitors of a test have the same IP address. Flags of a test override this.
    env: { GUESTPASS_LOGIN_RATE: 'off', GUESTPASS_REFRESH_RATE: 'off', GUESTPASS_ACCOUNT_RATE: 'off' },
    ready: /^listening on (http:\/\/\S+)$/m,
  })
}

function file(folder: string): string {
  return join(folder, 'guestpass.sqlite')
}

function binary(program: Program): string {
  const variable = program === 'guestpass' ? 'GUESTPASS_BIN' : 'GUESTPASS_DEMO_BIN'
  const built = ['release', 'debug'].map((profile) => join(root, 'target', profile, program))
  const found = process.env[variable] ?? built.find((path) => existsSync(path))
  if (!found) throw new Error(`no program ${program}: build it (${built.join(' or ')}), or name one in ${variable}`)
  return found
}
