// The SDK in Node and in a page, with the classic server.

import { fileURLToPath } from 'node:url'
import { createSession, type Session, type SessionEvent, type Snapshot } from 'guestpass'
import { Browser } from 'guestpass-e2e/harness/browser.ts'
import { ClassicServer } from './classic_server.ts'
import { StaticPage } from './static_page.ts'

declare global {
  interface Window {
    guestpass: Session
    events: SessionEvent[]
  }
}

/** The SDK in Node or in a page. */
export interface SdkClient {
  /** Sends `count` concurrent requests. Resolves with their statuses. */
  get(path: string, count?: number): Promise<number[]>
  /** The id of the guest to whom the requests of the SDK belong, by a further request. */
  visitor(): Promise<string>
  token(): Promise<string>
  snapshot(): Promise<Snapshot>
  /** All events so far. */
  events(): Promise<SessionEvent[]>
}

/** Runs a test with the SDK in one environment, against a classic server. `tokenLifetime` is in seconds. */
export type Environment = (tokenLifetime: number, act: Act) => Promise<void>
export type Act = (client: SdkClient, server: ClassicServer) => Promise<void>

export const inNode: Environment = async (tokenLifetime, act) => {
  await using server = await ClassicServer.start(tokenLifetime)
  const session = createSession({ baseUrl: server.url })
  const events: SessionEvent[] = []
  session.onEvent((event) => events.push(event))
  const client: SdkClient = {
    get: async (path, count = 1) => {
      const responses = await Promise.all(Array.from({ length: count }, () => session.fetch(path)))
      return responses.map(({ status }) => status)
    },
    visitor: async () => (await (await session.fetch('/items/')).json()).visitor,
    token: () => session.token(),
    snapshot: async () => session.getSnapshot(),
    events: async () => events,
  }
  try {
    await act(client, server)
  } finally {
    session.close()
  }
}

/** The page has another origin than the API, and loads the built package without a bundler. */
export const inBrowser: Environment = async (tokenLifetime, act) => {
  await using page = await StaticPage.serve({
    'index.html': fileURLToPath(new URL('sdk_page.html', import.meta.url)),
    'guestpass/dist': packaged('dist'),
    'guestpass/pkg': packaged('pkg'),
  })
  await using server = await ClassicServer.start(tokenLifetime)
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  await tab.startLoading(`${page.url}/?api=${server.url}`)
  await tab.until('the page has its session', () => window.guestpass)
  const client: SdkClient = {
    get: (path, count = 1) =>
      tab.evaluate(
        async (path, count) => {
          const responses = await Promise.all(Array.from({ length: count }, () => window.guestpass.fetch(path)))
          return responses.map(({ status }) => status)
        },
        path,
        count,
      ),
    visitor: () => tab.evaluate(async () => (await (await window.guestpass.fetch('/items/')).json()).visitor),
    token: () => tab.evaluate(() => window.guestpass.token()),
    snapshot: () => tab.evaluate(() => window.guestpass.getSnapshot()),
    events: () => tab.evaluate(() => window.events),
  }
  await act(client, server)
}

function packaged(folder: string): string {
  return fileURLToPath(new URL(`../../npm/${folder}`, import.meta.url))
}
