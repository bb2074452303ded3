import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Browser, type Tab } from './browser.ts'
import { FaultProxy } from './fault_proxy.ts'
import { Server } from './server.ts'
import { Shop } from './shop.ts'
import { type Page, Site } from './site.ts'

export interface SceneOptions {
  /** Which page is the shop. Default: the demo as it was built. */
  readonly page?: Page
  /** Flags of `guestpass serve`. */
  readonly flags?: readonly string[]
  /** The name that the visitors know the server by. Default: its address. */
  readonly host?: 'localhost'
}

export interface Scene {
  readonly server: Server
  readonly visitor: Visitor
  /** The same or another person at another device. */
  another(): Promise<Visitor>
}

export interface FaultyScene extends Scene {
  /** What the visitor takes for the server. */
  readonly proxy: FaultProxy
}

/** The browsers that a visitor may have. */
export const browsers: readonly { name: string; page: Page; locks: boolean }[] = [
  { name: 'with the lock API', page: '/', locks: true },
  { name: 'without the lock API', page: '/without_locks.html', locks: false },
]

/** A test body with a server and a visitor of its own. When it fails, what they have to say is printed. */
export function scene(options: SceneOptions, act: (scene: Scene) => Promise<void>): () => Promise<void> {
  return () => play('server', options, act)
}

/** As `scene`, with a network between the visitor and the server that makes the faults it is told to. */
export function faultyScene(options: SceneOptions, act: (scene: FaultyScene) => Promise<void>): () => Promise<void> {
  return () => play('proxy', options, act)
}

async function play(
  seen: 'server' | 'proxy',
  { page = '/', flags = [], host }: SceneOptions,
  act: (scene: FaultyScene) => Promise<void>,
): Promise<void> {
  await using site = await Site.copy()
  await using server = await Server.start(['--static', site.folder, ...flags])
  await using proxy = await FaultProxy.start(server.url)
  await using devices = new Devices()
  const url = new URL(page, { server, proxy }[seen].url)
  if (host) url.hostname = host
  const another = async () => {
    return new Visitor(await devices.add(), server, url.href)
  }
  try {
    await act({ server, visitor: await another(), another, proxy })
  } catch (error) {
    server.resume()
    console.error(await report(server, devices.tabs))
    throw error
  }
}

/** The browsers of a test. */
class Devices implements AsyncDisposable {
  readonly tabs: Tab[] = []
  readonly #browsers: Browser[] = []

  async add(): Promise<Browser> {
    const browser = await Browser.start(this.tabs)
    this.#browsers.push(browser)
    return browser
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const browser of this.#browsers) await browser[Symbol.asyncDispose]()
  }
}

/** Somebody whose browser has never seen the shop before. */
export class Visitor {
  /** Where the shop is. */
  readonly url: string
  readonly #browser: Browser
  readonly #server: Server

  constructor(browser: Browser, server: Server, url: string) {
    this.url = url
    this.#browser = browser
    this.#server = server
  }

  /** Opens the shop in a new tab and waits until it has a guest. */
  async opens(): Promise<Shop> {
    const shop = await this.startsToOpen()
    await shop.opened()
    return shop
  }

  /** Opens the shop in a new tab and waits until it has a session, which may have no guest yet. */
  async startsToOpen(): Promise<Shop> {
    const shop = new Shop(await this.#browser.openTab())
    await shop.tab.startLoading(this.url)
    await shop.started()
    return shop
  }

  /**
   * Opens the shop in two new tabs at one moment: the server is frozen until both have asked for the page, so that
   * neither is ahead of the other by the time that it takes to drive a browser.
   */
  async opensTwice(): Promise<[Shop, Shop]> {
    const shops: [Shop, Shop] = [new Shop(await this.#browser.openTab()), new Shop(await this.#browser.openTab())]
    this.#server.pause()
    for (const shop of shops) await shop.tab.startLoading(this.url)
    this.#server.resume()
    for (const shop of shops) await shop.opened()
    return shops
  }
}

async function report(server: Server, tabs: readonly Tab[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'guestpass-failed-'))
  const lines = ['--- the server, on standard error', server.stderr.trimEnd()]
  for (const [index, tab] of tabs.entries()) {
    const shop = new Shop(tab)
    const picture = join(folder, `tab-${index + 1}.png`)
    const said = async (answer: Promise<unknown>) => JSON.stringify(await answer.catch((error) => `not told: ${error}`))
    lines.push(
      `--- tab ${index + 1}, at ${await said(tab.evaluate(() => location.href))}`,
      `snapshot  ${await said(shop.snapshot())}`,
      `heard     ${await said(shop.heard())}`,
      `event log ${await said(shop.eventLog())}`,
      `console   ${await said(tab.console())}`,
      `picture   ${await said(tab.screenshot().then((png) => writeFile(picture, png).then(() => picture)))}`,
    )
  }
  return lines.join('\n')
}
