// A browser and its tabs, controlled by WebDriver.

import { By, Key, type WebDriver, type WebElement } from 'selenium-webdriver'
import type { Driver as ChromeDriver } from 'selenium-webdriver/chrome.js'
import { Type } from 'selenium-webdriver/lib/logging.js'
import { Protocol, Transport, VirtualAuthenticatorOptions } from 'selenium-webdriver/lib/virtual_authenticator.js'
import { type Engine, startEngine } from './engines.ts'

/** A real browser with a fresh profile. */
export class Browser implements AsyncDisposable {
  readonly #engine: Engine
  readonly #tabs: Tab[]

  /**
   * Starts the engine that the environment variable ENGINE names; Chromium when it names none.
   *
   * @param tabs - each tab that is opened is added to this list.
   * @param flags - further arguments for Chromium.
   */
  static async start(tabs: Tab[] = [], flags: readonly string[] = []): Promise<Browser> {
    const engine = await startEngine(flags)
    const browser = new Browser(engine, tabs)
    await engine.driver.manage().setTimeouts({ script: 60_000 })
    return browser
  }

  private constructor(engine: Engine, tabs: Tab[]) {
    this.#engine = engine
    this.#tabs = tabs
  }

  /**
   * Opens an empty tab in its own window. So all tabs are visible, and a tab gets no visibility event when the driver switches
   * to it.
   */
  async openTab(): Promise<Tab> {
    const tab = new Tab(this.#engine.driver, await this.#engine.openWindow())
    this.#tabs.push(tab)
    return tab
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.end()
  }
}

/**
 * One tab. Each method first switches the driver to the tab; the page does not notice. The driver controls one tab at a time: do
 * not call methods of two tabs concurrently.
 */
export class Tab {
  readonly #driver: WebDriver
  readonly #handle: string

  constructor(driver: WebDriver, handle: string) {
    this.#driver = driver
    this.#handle = handle
  }

  /** Starts to load a page, without waiting until it is loaded. */
  async startLoading(url: string): Promise<void> {
    const driver = await this.#focused()
    await driver.get(url)
  }

  /** Starts to reload the page, and returns when the old document is gone. */
  async reload(): Promise<void> {
    await this.evaluate(() => {
      document.documentElement.dataset.stale = ''
    })
    await (await this.#focused()).navigate().refresh()
    await this.until('the old document is gone', () => document.documentElement.dataset.stale === undefined)
  }

  /**
   * Runs a function in the page, and resolves with its result. The function is sent as text: it can use its arguments and the
   * globals of the page, but nothing of the module in which it is written.
   */
  async evaluate<A extends readonly unknown[], T>(script: (...args: A) => T | Promise<T>, ...args: A): Promise<T> {
    const driver = await this.#focused()
    const outcome = await driver.executeScript<Outcome<T>>(
      `return (async (...args) => (${script})(...args))(...arguments)
        .then((value) => ({ value }), (error) => ({ error: String(error && error.stack || error) }))`,
      ...args,
    )
    if (outcome.error !== undefined) throw new Error(`in the page: ${outcome.error}`)
    return outcome.value as T
  }

  /** Waits until a function in the page returns a truthy value. While the document is being replaced, it waits. */
  async until<A extends readonly unknown[]>(what: string, script: (...args: A) => unknown, ...args: A): Promise<void> {
    const driver = await this.#focused()
    const holds = () => this.evaluate(script, ...args).then(Boolean, () => false)
    await driver.wait(holds, 30_000, `timed out waiting until ${what}`, 25)
  }

  /** The visible text of the element with this `data-testid`; null when there is no such element, or it is hidden. */
  async text(testId: string): Promise<string | null> {
    const element = await this.#find(testId)
    return (await element?.isDisplayed()) ? ((await element?.getText()) ?? null) : null
  }

  /**
   * Clicks the element with this `data-testid` as soon as it can be clicked. A click that does not reach the element is
   * repeated: the page may disable, move or replace the element before the driver clicks.
   */
  async click(testId: string): Promise<void> {
    const driver = await this.#focused()
    const clicked = async () => {
      const element = await this.#find(testId)
      if (!(await element?.isEnabled().catch(() => false)) || !element) return false
      try {
        await driver.executeScript(aim, element)
        await element.click()
      } catch {
        return false
      }
      return driver.wait(hit, 1_000, undefined, 25).catch(() => false)
    }
    // The header of the page may cover an element that the driver takes for visible.
    const aim = `arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })
      document.documentElement.dataset.click = 'missed'
      arguments[0].addEventListener('click', () => delete document.documentElement.dataset.click, { capture: true, once: true })`
    // A click that loads another document has reached the element, too.
    const hit = () =>
      driver.executeScript<boolean>('return document.documentElement.dataset.click === undefined').catch(() => true)
    await driver.wait(clicked, 20_000, `timed out waiting to click ${testId}`, 25)
  }

  /** Replaces the text in the field with this `data-testid`. */
  async type(testId: string, text: string): Promise<void> {
    const driver = await this.#focused()
    await driver.wait(
      async () => (await this.#find(testId)) !== undefined,
      20_000,
      `timed out waiting for ${testId}`,
      25,
    )
    const field = await this.#find(testId)
    await driver.executeScript('arguments[0].focus(); arguments[0].select()', field)
    await field?.sendKeys(text)
  }

  /** Presses a key. The focused element receives it. */
  async press(key: keyof typeof KEYS | 'Shift+Tab'): Promise<void> {
    const actions = (await this.#focused()).actions()
    await (key === 'Shift+Tab'
      ? actions.keyDown(Key.SHIFT).sendKeys(Key.TAB).keyUp(Key.SHIFT)
      : actions.sendKeys(KEYS[key])
    ).perform()
  }

  /** Moves the focus to the element with this `data-testid` by pressing a key repeatedly. */
  async reach(testId: string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    const focused: (string | undefined)[] = []
    while (focused.at(-1) !== testId) {
      if (focused.length > 60) throw new Error(`${key} moved the focus to ${focused.join(', ')}, not to ${testId}`)
      await this.press(key)
      focused.push(await this.focusedTestId())
    }
  }

  /** The `data-testid` of the focused element, if the page shows visibly that it has the focus. */
  focusedTestId(): Promise<string | undefined> {
    return this.evaluate(focusedTestId)
  }

  /** Runs a classic script in the page. */
  async run(source: string): Promise<void> {
    await (await this.#focused()).executeScript(source)
  }

  /**
   * Adds a virtual authenticator for passkeys that confirms each ceremony (WebAuthn, §11). Resolves with false when the driver
   * of this engine does not support that. The driver of Firefox does not: it accepts the device, but the ceremony never ends.
   */
  async addAuthenticator(): Promise<boolean> {
    const options = new VirtualAuthenticatorOptions()
    options.setProtocol(Protocol.CTAP2)
    options.setTransport(Transport.INTERNAL)
    options.setHasResidentKey(true)
    options.setHasUserVerification(true)
    options.setIsUserVerified(true)
    const driver = (await this.#focused()) as WithAuthenticators
    const able = (await driver.getCapabilities()).get('webauthn:virtualAuthenticators') === true
    if (able) await driver.addVirtualAuthenticator(options)
    return able
  }

  /** Disconnects the tab from the network, or connects it again. Only for Chromium. */
  async setOffline(offline: boolean): Promise<void> {
    const driver = (await this.#focused()) as ChromeDriver
    await driver.setNetworkConditions({ offline, latency: 0, download_throughput: -1, upload_throughput: -1 })
  }

  async screenshot(): Promise<Buffer> {
    return Buffer.from(await (await this.#focused()).takeScreenshot(), 'base64')
  }

  /** The lines that the page has written to the console since the last call. */
  async console(): Promise<string[]> {
    const entries = await (await this.#focused()).manage().logs().get(Type.BROWSER)
    return entries.map((entry) => `${entry.level.name} ${entry.message}`)
  }

  async #find(testId: string): Promise<WebElement | undefined> {
    const [element] = await (await this.#focused()).findElements(By.css(`[data-testid="${testId}"]`))
    return element
  }

  async #focused(): Promise<WebDriver> {
    await this.#driver.switchTo().window(this.#handle)
    return this.#driver
  }
}

/** A method that the types of selenium-webdriver lack. */
type WithAuthenticators = WebDriver & { addVirtualAuthenticator(options: VirtualAuthenticatorOptions): Promise<void> }

const KEYS = { Escape: Key.ESCAPE, Tab: Key.TAB, Enter: Key.ENTER }

function focusedTestId(): string | undefined {
  const element = document.activeElement as HTMLElement
  const shown = element.matches(':focus-visible') && getComputedStyle(element).outlineStyle !== 'none'
  return shown ? element.dataset.testid : undefined
}

interface Outcome<T> {
  readonly value?: T
  readonly error?: string
}
