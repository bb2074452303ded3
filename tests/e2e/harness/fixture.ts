// What a test needs: the server, the site, and visitors with browsers. A failing test prints their logs.

import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Browser, type Tab } from './browser.ts'
import { FaultProxy } from './fault_proxy.ts'
import { type Program, Server } from './server.ts'
import { Shop } from './shop.ts'
import { type Page, Site } from './site.ts'

export interface FixtureOptions {
  /** The page that visitors open. Default: the built demo. */
  readonly page?: Page
  /** The program that serves the API. Default: `guestpass serve`. */
  readonly program?: Program
  /** Further flags of the program. */
  readonly flags?: readonly string[]
  /** The host in the URLs that visitors open. Default: the IP address of the server. */
  readonly host?: 'localhost'
}

export interface Fixture {
  readonly server: Server
  readonly visitor: Visitor
  /** A visitor with another browser, as on another device. */
  another(): Promise<Visitor>
}

export interface FaultyFixture extends Fixture {
  /** The network between the visitors and the server. */
  readonly proxy: FaultProxy
}

/** The kinds of browsers for tests that run in each kind. */
export const browsers: readonly { name: string; page: Page; locks: boolean }[] = [
  { name: 'with the lock API', page: '/', locks: true },
  { name: 'without the lock API', page: '/without_locks.html', locks: false },
]

/** Makes the body of a test that has its own server and visitor. If the test fails, their logs are printed. */
export function fixture(options: FixtureOptions, test: (fixture: Fixture) => Promise<void>): () => Promise<void> {
  return () => run('server', options, test)
}

/** Like `fixture`, with a proxy between the visitors and the server, into which the test injects faults. */
export function faultyFixture(
  options: FixtureOptions,
  test: (fixture: FaultyFixture) => Promise<void>,
): () => Promise<void> {
  return () => run('proxy', options, test)
}

async function run(
  entrance: 'server' | 'proxy',
  { page = '/', program = 'guestpass', flags = [], host }: FixtureOptions,
  test: (fixture: FaultyFixture) => Promise<void>,
): Promise<void> {
  await using site = await Site.copy()
  await using server = await Server.start(['--static', site.folder, ...flags], program)
  await using proxy = await FaultProxy.start(server.url)
  await using devices = new Devices()
  const url = new URL(page, { server, proxy }[entrance].url)
  if (host) url.hostname = host
  const another = async () => {
    return new Visitor(await devices.add(), server, url.href)
  }
  try {
    await test({ server, visitor: await another(), another, proxy })
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

/** A visitor with a new browser profile. */
export class Visitor {
  /** The URL of the shop. */
  readonly url: string
  readonly #browser: Browser
  readonly #server: Server

  constructor(browser: Browser, server: Server, url: string) {
    this.url = url
    this.#browser = browser
    this.#server = server
  }

  /** Opens the shop in a new tab and waits until it has a guest. */
  async open(): Promise<Shop> {
    const shop = await this.openWithoutGuest()
    await shop.waitUntilOpen()
    return shop
  }

  /** Opens the shop in a new tab and waits until it has a session, which may have no guest yet. */
  async openWithoutGuest(): Promise<Shop> {
    const shop = await this.startOpening()
    await shop.waitForSession()
    return shop
  }

  /** Starts to load the shop in a new tab, without waiting. */
  async startOpening(): Promise<Shop> {
    const shop = new Shop(await this.#browser.openTab())
    await shop.tab.startLoading(this.url)
    return shop
  }

  /**
   * Opens the shop in two new tabs at the same moment: the server is paused until both tabs have requested the page.
   * WebDriver alone would open the second tab later.
   */
  async openTwo(): Promise<[Shop, Shop]> {
    const shops: [Shop, Shop] = [new Shop(await this.#browser.openTab()), new Shop(await this.#browser.openTab())]
    this.#server.pause()
    for (const shop of shops) await shop.tab.startLoading(this.url)
    this.#server.resume()
    for (const shop of shops) await shop.waitUntilOpen()
    return shops
  }
}

async function report(server: Server, tabs: readonly Tab[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'guestpass-failed-'))
  const lines = ['--- stderr of the server', server.stderr.trimEnd()]
  for (const [index, tab] of tabs.entries()) {
    const shop = new Shop(tab)
    const picture = join(folder, `tab-${index + 1}.png`)
    const text = async (value: Promise<unknown>) => JSON.stringify(await value.catch((error) => `not known: ${error}`))
    lines.push(
      `--- tab ${index + 1}, at ${await text(tab.evaluate(() => location.href))}`,
      `snapshot  ${await text(shop.snapshot())}`,
      `events    ${await text(shop.events())}`,
      `event log ${await text(shop.eventLog())}`,
      `console   ${await text(tab.console())}`,
      `picture   ${await text(tab.screenshot().then((png) => writeFile(picture, png).then(() => picture)))}`,
    )
  }
  return lines.join('\n')
}
