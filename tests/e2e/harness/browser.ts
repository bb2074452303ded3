import { By, Key, type WebDriver, type WebElement } from 'selenium-webdriver'
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
   * @param tabs - gets every tab that is opened.
   */
  static async start(tabs: Tab[] = []): Promise<Browser> {
    const engine = await startEngine()
    const browser = new Browser(engine, tabs)
    await engine.driver.manage().setTimeouts({ script: 60_000 })
    return browser
  }

  private constructor(engine: Engine, tabs: Tab[]) {
    this.#engine = engine
    this.#tabs = tabs
  }

  /**
   * Opens an empty tab. Each is in a window of its own: all are visible, and none is told that it becomes so when the
   * driver turns to it.
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
 * One tab. Whatever it is asked, the driver first turns to it; the page does not notice. The driver can only be turned
 * to one tab at a time, so what is asked of several has to be asked one after the other.
 */
export class Tab {
  readonly #driver: WebDriver
  readonly #handle: string

  constructor(driver: WebDriver, handle: string) {
    this.#driver = driver
    this.#handle = handle
  }

  /** Begins to load a page, and does not wait for it. */
  async startLoading(url: string): Promise<void> {
    const driver = await this.#focused()
    await driver.get(url)
  }

  /** Begins to load the page again, and returns once the old document is gone. */
  async reload(): Promise<void> {
    await this.evaluate(() => {
      document.documentElement.dataset.stale = ''
    })
    await (await this.#focused()).navigate().refresh()
    await this.until('the old document is gone', () => document.documentElement.dataset.stale === undefined)
  }

  /**
   * Runs a function in the page and hands back what it returns or resolves with. It crosses as text: it sees its
   * arguments and the page's globals, and nothing of the module that it is written in.
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

  /** Waits until a function in the page returns something truthy; a document that is just being replaced counts as no. */
  async until<A extends readonly unknown[]>(what: string, script: (...args: A) => unknown, ...args: A): Promise<void> {
    const driver = await this.#focused()
    const holds = () => this.evaluate(script, ...args).then(Boolean, () => false)
    await driver.wait(holds, 30_000, `waited in vain until ${what}`, 25)
  }

  /** The text that the element with this `data-testid` shows; null when there is no such element, or it is hidden. */
  async text(testId: string): Promise<string | null> {
    const element = await this.#find(testId)
    return (await element?.isDisplayed()) ? ((await element?.getText()) ?? null) : null
  }

  /**
   * Clicks the element with this `data-testid`, as soon as there is one that can be clicked. A click that does not reach
   * it is made again: between the driver's look and its click, the page may disable the element, move or replace it.
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
    // What is in view for the driver may still be under the head of the page.
    const aim = `arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })
      document.documentElement.dataset.click = 'missed'
      arguments[0].addEventListener('click', () => delete document.documentElement.dataset.click, { capture: true, once: true })`
    // A click that leads to another document has hit.
    const hit = () =>
      driver.executeScript<boolean>('return document.documentElement.dataset.click === undefined').catch(() => true)
    await driver.wait(clicked, 20_000, `waited in vain to click ${testId}`, 25)
  }

  /** Puts text into the field with this `data-testid`, in the place of what is in it. */
  async type(testId: string, text: string): Promise<void> {
    const driver = await this.#focused()
    await driver.wait(async () => (await this.#find(testId)) !== undefined, 20_000, `waited in vain for ${testId}`, 25)
    const field = await this.#find(testId)
    await driver.executeScript('arguments[0].focus(); arguments[0].select()', field)
    await field?.sendKeys(text)
  }

  /** Presses a key, wherever the keyboard is. */
  async press(key: keyof typeof KEYS | 'Shift+Tab'): Promise<void> {
    const actions = (await this.#focused()).actions()
    await (key === 'Shift+Tab'
      ? actions.keyDown(Key.SHIFT).sendKeys(Key.TAB).keyUp(Key.SHIFT)
      : actions.sendKeys(KEYS[key])
    ).perform()
  }

  /** Takes the keyboard to the element with this `data-testid` by pressing a key again and again, which shows where it is. */
  async reach(testId: string, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
    const way: (string | undefined)[] = []
    while (way.at(-1) !== testId) {
      if (way.length > 60) throw new Error(`pressed ${key}, came to ${way.join(', ')}, and not to ${testId}`)
      await this.press(key)
      way.push(await this.keyboardIsAt())
    }
  }

  /** The `data-testid` of the element that has the keyboard, where the page shows that it has. */
  keyboardIsAt(): Promise<string | undefined> {
    return this.evaluate(keyboardIsAt)
  }

  /** Runs a classic script in the page. */
  async run(source: string): Promise<void> {
    await (await this.#focused()).executeScript(source)
  }

  /**
   * Puts a device for passkeys into the page's browser, whose owner says yes to everything (WebAuthn, §11). Answers with
   * whether this engine's driver says that it can. Firefox's does not: it takes the device, and its ceremony never ends.
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

  async screenshot(): Promise<Buffer> {
    return Buffer.from(await (await this.#focused()).takeScreenshot(), 'base64')
  }

  /** What the page wrote to the console since the last call. */
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

/** What the types of selenium-webdriver leave out. */
type WithAuthenticators = WebDriver & { addVirtualAuthenticator(options: VirtualAuthenticatorOptions): Promise<void> }

const KEYS = { Escape: Key.ESCAPE, Tab: Key.TAB, Enter: Key.ENTER }

function keyboardIsAt(): string | undefined {
  const element = document.activeElement as HTMLElement
  const shown = element.matches(':focus-visible') && getComputedStyle(element).outlineStyle !== 'none'
  return shown ? element.dataset.testid : undefined
}

interface Outcome<T> {
  readonly value?: T
  readonly error?: string
}
