// Starts the services that verify access tokens.

import { fileURLToPath } from 'node:url'
import { Child } from 'guestpass-e2e/harness/child.ts'
import type { Server } from 'guestpass-e2e/harness/server.ts'

export const ISSUER = 'https://guests.example'
const AUDIENCE = 'guestpass'

/** A service that verifies access tokens offline, with the public keys of the server. */
export class ResourceServer implements AsyncDisposable {
  readonly #child: Child

  static async inPython(guestpass: Server): Promise<ResourceServer> {
    const child = await Child.start({
      command: process.env.GUESTPASS_PYTHON ?? 'python3',
      args: ['-m', 'uvicorn', 'resource_server:app', '--app-dir', folder, '--port', '0', '--no-use-colors'],
      env: settings(guestpass),
      ready: /Uvicorn running on (http:\/\/\S+)/,
    })
    return new ResourceServer(child)
  }

  static async inNode(guestpass: Server): Promise<ResourceServer> {
    const child = await Child.start({
      command: process.execPath,
      args: [`${folder}resource_server.js`],
      env: settings(guestpass),
      ready: /^listening on (http:\/\/\S+)$/m,
    })
    return new ResourceServer(child)
  }

  private constructor(child: Child) {
    this.#child = child
  }

  /** The guest that the service identifies by a token, or the status of the response that refuses it. */
  async whoami(token: string): Promise<string | number> {
    const response = await fetch(`${this.#child.greeting}/whoami`, { headers: { Authorization: `Bearer ${token}` } })
    return response.ok ? (await response.json()).sub : response.status
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stop()
  }
}

function settings(guestpass: Server): Record<string, string> {
  return { JWKS_URL: `${guestpass.url}/.well-known/jwks.json`, ISSUER, AUDIENCE }
}

const folder = fileURLToPath(new URL('./', import.meta.url))
