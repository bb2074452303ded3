import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Child } from './child.ts'

/** The real server, on a port of its own, with a SQLite file of its own that outlives its restarts. */
export class Server implements AsyncDisposable {
  readonly #folder: string
  readonly #flags: readonly string[]
  #child: Child
  #stderr = ''

  /** Starts it with these flags of `guestpass serve` beyond `--listen` and `--store`. */
  static async start(flags: readonly string[] = []): Promise<Server> {
    const folder = await mkdtemp(join(tmpdir(), 'guestpass-server-'))
    try {
      return new Server(folder, await serve(folder, '127.0.0.1:0', flags), flags)
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  private constructor(folder: string, child: Child, flags: readonly string[]) {
    this.#folder = folder
    this.#child = child
    this.#flags = flags
  }

  /** The origin that the server said it listens on; it stays the same over restarts. */
  get url(): string {
    return this.#child.greeting
  }

  /** What the server has logged, over all its runs. */
  get stderr(): string {
    return this.#stderr + this.#child.stderr
  }

  /** Shuts the server down as an operator would. */
  async stop(): Promise<void> {
    const code = await this.#child.stop('SIGTERM')
    if (code !== 0) throw new Error(`the server ended with ${code} on SIGTERM\n${this.stderr}`)
  }

  /** Starts the server again on the same port and file, with further flags for this run. */
  async restart(...further: readonly string[]): Promise<void> {
    await this.stop()
    this.#stderr += this.#child.stderr
    this.#child = await serve(this.#folder, new URL(this.url).host, [...this.#flags, ...further])
  }

  /** Freezes the server: connections queue up unanswered until `resume`. */
  pause(): void {
    this.#child.signal('SIGSTOP')
  }

  resume(): void {
    this.#child.signal('SIGCONT')
  }

  /** Ends the server for good, whatever state it is in, and removes its file. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }

  /** The rows of a query on the server's own file. */
  async query<Row>(sql: string): Promise<Row[]> {
    const { stdout } = await run('sqlite3', ['-readonly', '-json', '-cmd', '.timeout 5000', file(this.#folder), sql])
    return stdout.trim() === '' ? [] : JSON.parse(stdout)
  }

  /** The guests in the server's table, by the ids that they go by; the eldest first. */
  async guests(): Promise<string[]> {
    const rows = await this.query<{ id: string }>(
      `SELECT 'anonymous_' || id AS id FROM anonymous_user ORDER BY created_at`,
    )
    return rows.map(({ id }) => id)
  }

  /** The sessions in the server's table; the eldest first. */
  sessions(): Promise<SessionRow[]> {
    return this.query('SELECT counter, revoked_at IS NOT NULL AS revoked FROM session ORDER BY created_at')
  }

  /** What `GET /me` answers to this access token, from outside any browser. */
  async statusOfAccess(accessToken: string): Promise<number> {
    const response = await fetch(`${this.url}/me`, { headers: { Authorization: `Bearer ${accessToken}` } })
    return response.status
  }

  /** `POST /token` with this refresh token, from outside any browser. */
  refresh(refreshToken: string): Promise<Response> {
    return fetch(`${this.url}/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken }),
    })
  }

  /** `POST /revoke` with this token, as an operator might. */
  async revoke(token: string): Promise<void> {
    const response = await fetch(`${this.url}/revoke`, { method: 'POST', body: new URLSearchParams({ token }) })
    if (response.status !== 200) throw new Error(`/revoke answered ${response.status}: ${await response.text()}`)
  }
}

export interface SessionRow {
  /** How often the refresh token was rotated. */
  readonly counter: number
  readonly revoked: 0 | 1
}

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../../', import.meta.url))

function serve(folder: string, listen: string, flags: readonly string[]): Promise<Child> {
  return Child.start({
    command: binary(),
    args: ['serve', '--listen', listen, '--store', `sqlite:${file(folder)}`, ...flags],
    // All visitors of a test have the same address. A flag of the test's own wins.
    env: { GUESTPASS_LOGIN_RATE: 'off', GUESTPASS_REFRESH_RATE: 'off', GUESTPASS_ACCOUNT_RATE: 'off' },
    ready: /^listening on (http:\/\/\S+)$/m,
  })
}

function file(folder: string): string {
  return join(folder, 'guestpass.sqlite')
}

function binary(): string {
  const built = ['release', 'debug'].map((profile) => join(root, 'target', profile, 'guestpass'))
  const found = process.env.GUESTPASS_BIN ?? built.find((path) => existsSync(path))
  if (!found) throw new Error(`no guestpass binary: build it (${built.join(' or ')}), or name one in GUESTPASS_BIN`)
  return found
}
