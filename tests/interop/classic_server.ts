// Starts the classic server.

import { fileURLToPath } from 'node:url'
import { Child } from 'guestpass-e2e/harness/child.ts'
import { expect } from 'vitest'

/** `classic_server.py`, run by the Python in GUESTPASS_PYTHON, which must have requirements.txt installed. */
export class ClassicServer implements AsyncDisposable {
  readonly #child: Child

  static async start(tokenLifetime: number): Promise<ClassicServer> {
    const child = await Child.start({
      command: process.env.GUESTPASS_PYTHON ?? 'python3',
      args: ['-m', 'uvicorn', 'classic_server:app', '--app-dir', folder, '--port', '0', '--no-use-colors'],
      env: { TOKEN_LIFETIME: String(tokenLifetime) },
      ready: /Uvicorn running on (http:\/\/\S+)/,
    })
    return new ClassicServer(child)
  }

  private constructor(child: Child) {
    this.#child = child
  }

  get url(): string {
    return this.#child.greeting
  }

  /** All requests with the statuses of the responses, such as `GET /items/ 200`. The log may lag behind the responses. */
  get requests(): string[] {
    const lines = this.#child.stdout.matchAll(/"(\w+ \S+) HTTP\/1.1" (\d+)/g)
    return [...lines].map(([, request, status]) => `${request} ${status}`).filter(isOfClient)
  }

  /** Waits until the server refuses this token, and until `requests` has all earlier requests. */
  async refuses(token: string): Promise<void> {
    const headers = { Authorization: `Bearer ${token}` }
    await expect.poll(async () => (await fetch(`${this.url}/items/?probe`, { headers })).status).toBe(401)
    await expect.poll(() => this.#child.stdout).toContain('GET /items/?probe HTTP/1.1" 401')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop()
  }
}

/** True for requests of the client under test: no probe of `refuses`, no preflight of the browser. */
function isOfClient(request: string): boolean {
  return !request.includes('?probe') && !request.startsWith('OPTIONS ')
}

const folder = fileURLToPath(new URL('.', import.meta.url))
