// The built demo, prepared for tests.

import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { earlyLogin } from 'guestpass/early-login'

/**
 * A page of the site. `/without_locks.html` is the shop, on which the browser has no Web Locks API. `/early_login.html` is the shop
 * with the script of an early login in its head, twice.
 */
export type Page = '/' | '/account' | '/lab' | '/without_locks.html' | '/early_login.html'

/** A copy of the built demo. Its pages also record their requests. */
export class Site implements AsyncDisposable {
  readonly folder: string

  static async copy(): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), 'guestpass-site-'))
    await cp(built, folder, { recursive: true }).catch((error) => {
      throw new Error(`no built demo: run its build first (${error})`)
    })
    await cp(scripts, folder, { recursive: true })
    const page = await readFile(join(folder, 'index.html'), 'utf8')
    await writeFile(join(folder, 'index.html'), withScripts(page, 'record_requests.js'))
    await writeFile(join(folder, 'without_locks.html'), withScripts(page, 'record_requests.js', 'without_locks.js'))
    await writeFile(join(folder, 'early_login.js'), earlyLogin())
    const early = withScripts(page, 'record_requests.js', 'early_login.js', 'early_login.js')
    await writeFile(join(folder, 'early_login.html'), early)
    return new Site(folder)
  }

  private constructor(folder: string) {
    this.folder = folder
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.folder, { recursive: true, force: true })
  }
}

const built = fileURLToPath(new URL('../../../demo-react/dist', import.meta.url))
const scripts = fileURLToPath(new URL('page', import.meta.url))

/** Adds classic scripts to the top of a page: they run before its modules. They are files, as the policy of the page demands. */
function withScripts(page: string, ...names: readonly string[]): string {
  const tags = names.map((name) => `<script src="/${name}"></script>`).join('')
  const changed = page.replace(/<head[^>]*>/, `$&${tags}`)
  if (changed === page) throw new Error('the built demo has no <head> to put a script into')
  return changed
}
