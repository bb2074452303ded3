// Serves a page of a test.

import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Server } from 'guestpass-e2e/harness/server.ts'

/** A page on its own origin. */
export class StaticPage implements AsyncDisposable {
  readonly #folder: string
  readonly #server: Server

  /** Serves files and folders. The keys are the paths in URLs; `index.html` is the page. `flags`: of the server. */
  static async serve(files: Readonly<Record<string, string>>, flags: readonly string[] = []): Promise<StaticPage> {
    const folder = await mkdtemp(join(tmpdir(), 'guestpass-page-'))
    for (const [name, source] of Object.entries(files)) await cp(source, join(folder, name), { recursive: true })
    return new StaticPage(folder, await Server.start(['--static', folder, ...flags]))
  }

  private constructor(folder: string, server: Server) {
    this.#folder = folder
    this.#server = server
  }

  get url(): string {
    return this.#server.url
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]()
    await rm(this.#folder, { recursive: true, force: true })
  }
}
