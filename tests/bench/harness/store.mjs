// Databases for the servers: PostgreSQL, and SQLite files, empty or with millions of rows.

import { execFileSync, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const FILL = fileURLToPath(new URL('../fill.sql', import.meta.url))

/** A PostgreSQL server for the bench. It flushes each commit to the disk, as in production. */
export class PostgresStore {
  #process
  location

  static async start() {
    const script = fileURLToPath(new URL('../../../scripts/private-postgres', import.meta.url))
    const child = spawn(script, ['fsync=on', 'full_page_writes=on'], { stdio: ['pipe', 'pipe', 'inherit'] })
    const store = new PostgresStore()
    store.#process = child
    store.location = await new Promise((resolve, reject) => {
      child.stdout.setEncoding('utf8').once('data', (line) => resolve(line.trim()))
      child.once('exit', (code) => reject(new Error(`private-postgres ended with ${code}`)))
    })
    return store
  }

  /** Closes its standard input, which stops it. The same happens when this process dies. */
  async stop() {
    const exited = new Promise((resolve) => this.#process.once('exit', resolve))
    this.#process.stdin.end()
    await exited
  }
}

/** The SQLite file of a server. */
export class SqliteStore {
  #file

  constructor(folder, name) {
    this.#file = join(folder, `${name}.db`)
  }

  get location() {
    return `sqlite:${this.#file}`
  }

  get bytes() {
    return statSync(this.#file).size
  }

  /** Inserts guests, each with a session and an entry in the cart. A server must have made the tables, and must be stopped. */
  fill(sessions) {
    this.#sqlite(`.parameter set :sessions ${sessions}\n${readFileSync(FILL, 'utf8')}`)
  }

  /** The number of entries in all collections, and the bytes of their pages in the file. */
  sizeOfEntries() {
    const [[entries, bytes]] = this.#sqlite(`
      SELECT (SELECT count(*) FROM entry), sum(pgsize) FROM dbstat
      WHERE aggregate = TRUE AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name = 'entry');`)
    return { entries: Number(entries), bytes: Number(bytes) }
  }

  /** The current refresh tokens of up to `count` random sessions. The server may be running. */
  refreshTokens(count) {
    const [[version, key]] = this.#sqlite(
      'SELECT version, hex(material) FROM refresh_key ORDER BY version DESC LIMIT 1;',
    )
    const sessions = this.#randomSessions(count)
    // Signed as the server signs them. Logins would give only the newest sessions, which are stored next to each other.
    return sessions.map(([id, counter]) => {
      const signed = Buffer.alloc(24)
      signed.write(id.replaceAll('-', ''), 'hex')
      signed.writeBigUInt64BE(BigInt(counter), 16)
      const tag = createHmac('sha256', Buffer.from(key, 'hex')).update(signed).digest()
      return `gpr_${Buffer.concat([Buffer.of(Number(version)), signed, tag]).toString('base64url')}`
    })
  }

  /** An id begins with the millisecond of its creation. For each random id, the query finds the next session. */
  #randomSessions(count) {
    const [[first, last]] = this.#sqlite('SELECT (SELECT min(id) FROM session), (SELECT max(id) FROM session);')
    const [from, to] = [first, last].map((id) => Number.parseInt(id.replace('-', '').slice(0, 12), 16))
    const probes = Array.from({ length: count }, () => {
      const millis = Math.floor(from + Math.random() * (to - from))
      const hex = millis.toString(16).padStart(12, '0')
      return `('${hex.slice(0, 8)}-${hex.slice(8)}')`
    })
    return this.#sqlite(`
      WITH probe (id) AS (VALUES ${probes.join()}),
        found (id) AS (
          SELECT DISTINCT (SELECT session.id FROM session WHERE session.id >= probe.id AND refreshable ORDER BY id LIMIT 1)
          FROM probe)
      SELECT id, counter FROM session JOIN found USING (id) WHERE revoked_at IS NULL;`)
  }

  #sqlite(sql) {
    const args = ['-batch', '-bail', '-noheader', '-separator', ' ', this.#file]
    const output = execFileSync('sqlite3', args, { input: sql, encoding: 'utf8', maxBuffer: 1 << 28 })
    const lines = output.split('\n').filter(Boolean)
    return lines.map((line) => line.split(' '))
  }
}
