import { fileURLToPath } from 'node:url'
import { createSession, type Session, type SessionEvent, type Snapshot } from 'guestpass'
import { Browser } from 'guestpass-e2e/harness/browser.ts'
import { ClassicServer } from './classic_server.ts'
import { StaticPage } from './static_page.ts'

declare global {
  interface Window {
    guestpass: Session
    heard: SessionEvent[]
  }
}

/** The SDK, wherever it runs. */
export interface SdkClient {
  /** The statuses of so many requests at the same time. */
  get(path: string, count?: number): Promise<number[]>
  /** Who the server says that the SDK's requests come from, by one more request. */
  visitor(): Promise<string>
  token(): Promise<string>
  snapshot(): Promise<Snapshot>
  /** Every event so far. */
  heard(): Promise<SessionEvent[]>
}

/** Runs a test against a classic server whose tokens live for so many seconds, with the SDK in some environment. */
export type Environment = (tokenLifetime: number, act: Act) => Promise<void>
export type Act = (client: SdkClient, server: ClassicServer) => Promise<void>

export const inNode: Environment = async (tokenLifetime, act) => {
  await using server = await ClassicServer.start(tokenLifetime)
  const session = createSession({ baseUrl: server.url })
  const heard: SessionEvent[] = []
  session.onEvent((event) => heard.push(event))
  const client: SdkClient = {
    get: async (path, count = 1) => {
      const responses = await Promise.all(Array.from({ length: count }, () => session.fetch(path)))
      return responses.map(({ status }) => status)
    },
    visitor: async () => (await (await session.fetch('/items/')).json()).visitor,
    token: () => session.token(),
    snapshot: async () => session.getSnapshot(),
    heard: async () => heard,
  }
  try {
    await act(client, server)
  } finally {
    session.close()
  }
}

/** The page comes from another origin than the API, and loads the package as it was built, without a bundler. */
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
    heard: () => tab.evaluate(() => window.heard),
  }
  await act(client, server)
}

function packaged(folder: string): string {
  return fileURLToPath(new URL(`../../npm/${folder}`, import.meta.url))
}
