// Chromium, Firefox and WebKitGTK with their drivers.

import { Builder, Capabilities, type WebDriver } from 'selenium-webdriver'
import * as chrome from 'selenium-webdriver/chrome.js'
import * as gecko from 'selenium-webdriver/firefox.js'
import { Level, Preferences, Type } from 'selenium-webdriver/lib/logging.js'
import { DriverService } from 'selenium-webdriver/remote'
import { afterAll } from 'vitest'
import { Child } from './child.ts'

/** A browser with an empty profile, and its driver. */
export interface Engine {
  readonly driver: WebDriver
  /** Opens an empty window, switches the driver to it, and resolves with its handle. */
  openWindow(): Promise<string>
  /** Deletes the profile, and stops the processes that were started for it. */
  end(): Promise<void>
}

/**
 * Starts the engine that the environment variable ENGINE names; Chromium when it names none.
 *
 * @param flags - further arguments for Chromium.
 */
export function startEngine(flags: readonly string[] = []): Promise<Engine> {
  const name = process.env.ENGINE ?? 'chromium'
  const start = engines[name]
  if (!start) throw new Error(`ENGINE=${name} must be one of ${Object.keys(engines).join(', ')}`)
  return start(flags)
}

/** The browsers are Debian's packages. The drivers are on the PATH or in Debian's packages; nothing is downloaded. */
const engines: Readonly<Record<string, (flags: readonly string[]) => Promise<Engine>>> = { chromium, firefox, webkit }

// `get` does not wait until a page is loaded, so that several tabs load at the same time.
const LOADING = 'none'

async function chromium(flags: readonly string[]): Promise<Engine> {
  const logs = new Preferences()
  logs.setLevel(Type.BROWSER, Level.ALL)
  const options = new chrome.Options()
  options.setPageLoadStrategy(LOADING)
  options.setLoggingPrefs(logs)
  options.setChromeBinaryPath('/usr/bin/chromium')
  options.addArguments(
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--window-size=1280,900',
    ...flags,
  )
  const driver = await new Builder()
    .forBrowser('chrome')
    .setChromeOptions(options)
    .setChromeService(new chrome.ServiceBuilder('/usr/bin/chromedriver'))
    .build()
  return { driver, openWindow: windowsOf(driver), end: () => driver.quit() }
}

/**
 * Firefox takes longer to start than most tests run, so all tests of a file share one process. Each browser is a user context
 * of WebDriver BiDi, which is a separate profile: it shares no storage, no locks and no channels with the others.
 */
async function firefox(): Promise<Engine> {
  runningFirefox ??= startFirefox()
  const { driver } = await runningFirefox
  const { userContext } = await bidi<{ userContext: string }>(driver, 'browser.createUserContext', {})
  return {
    driver,
    openWindow: async () => {
      const window = { type: 'window', userContext }
      const { context } = await bidi<{ context: string }>(driver, 'browsingContext.create', window)
      await driver.switchTo().window(context)
      return context
    },
    end: () => bidi(driver, 'browser.removeUserContext', { userContext }),
  }
}

let runningFirefox: ReturnType<typeof startFirefox> | undefined
afterAll(async () => (await runningFirefox)?.end())

async function startFirefox() {
  const options = new gecko.Options()
  options.setPageLoadStrategy(LOADING)
  options.setBinary('/usr/bin/firefox-esr')
  options.addArguments('-headless', '--width=1280', '--height=900')
  const quiet = {
    'app.normandy.enabled': false,
    'app.update.enabled': false,
    'browser.shell.checkDefaultBrowser': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
  }
  for (const [name, value] of Object.entries(quiet)) options.setPreference(name, value)
  options.enableBidi()
  // 0: Firefox chooses the port for BiDi itself. Another process could take a port that the test has found to be free.
  const service = new DriverService.Builder('geckodriver').setLoopback(true).addArguments('--websocket-port=0').build()
  try {
    const driver = await new Builder()
      .usingServer(await service.start())
      .forBrowser('firefox')
      .setFirefoxOptions(options)
      .build()
    return { driver, end: () => driver.quit().finally(() => service.kill()) }
  } catch (error) {
    await service.kill()
    throw error
  }
}

async function bidi<Result>(driver: WebDriver, method: string, params: object): Promise<Result> {
  const connection = await driver.getBidi()
  const response = (await connection.send({ method, params })) as { type: string; result: Result }
  if (response.type !== 'success') throw new Error(`${method}: ${JSON.stringify(response)}`)
  return response.result
}

/** WebKitGTK. Its driver starts its own browser, MiniBrowser, which needs a display. All windows share one profile. */
async function webkit(): Promise<Engine> {
  const display = await Child.start({
    command: 'Xvfb',
    args: ['-displayfd', '1', '-screen', '0', '1600x1200x24', '-nolisten', 'tcp'],
    ready: /^(\d+)$/m,
  })
  const service = new DriverService.Builder('WebKitWebDriver')
    .setLoopback(true)
    .setEnvironment({
      ...inherited(),
      DISPLAY: `:${display.greeting}`,
      GDK_BACKEND: 'x11',
      // Render without a graphics card. An emulated card is slower, and has crashed.
      WEBKIT_SKIA_ENABLE_CPU_RENDERING: '1',
      WEBKIT_DISABLE_DMABUF_RENDERER: '1',
      // The sandbox does not start as root or in a container. The browser opens the pages of this project only.
      WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
    })
    .build()
  const endServices = async () => {
    await service.kill()
    await display.stop()
  }
  try {
    const driver = await new Builder()
      .usingServer(await service.start())
      .withCapabilities(new Capabilities({ browserName: 'MiniBrowser', pageLoadStrategy: LOADING }))
      .build()
    return { driver, openWindow: windowsOf(driver), end: () => driver.quit().finally(endServices) }
  } catch (error) {
    await endServices()
    throw error
  }
}

/** Opens windows of a browser. The first one is the window with which the browser has started. */
function windowsOf(driver: WebDriver): () => Promise<string> {
  let taken = false
  return async () => {
    if (taken) await driver.switchTo().newWindow('window')
    taken = true
    return driver.getWindowHandle()
  }
}

function inherited(): Record<string, string> {
  const defined = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(defined)
}
