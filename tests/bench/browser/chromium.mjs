// Controls Chromium, and measures with its DevTools protocol.

import { Builder } from 'selenium-webdriver'
import { Options, ServiceBuilder } from 'selenium-webdriver/chrome.js'

const WAIT_MS = 120_000

export class Chromium {
  #driver

  static async start() {
    const options = new Options()
    options.setChromeBinaryPath('/usr/bin/chromium')
    options.addArguments(
      ...['--headless=new', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-renderer-backgrounding'],
      ...['--disable-background-timer-throttling', '--disable-backgrounding-occluded-windows'],
    )
    const chromium = new Chromium()
    chromium.#driver = await new Builder()
      .forBrowser('chrome')
      .setChromeOptions(options)
      .setChromeService(new ServiceBuilder('/usr/bin/chromedriver'))
      .build()
    await chromium.#driver.manage().setTimeouts({ script: WAIT_MS })
    await chromium.#closeBrowserPages()
    return chromium
  }

  async version() {
    const capabilities = await this.#driver.getCapabilities()
    return `Chromium ${capabilities.getBrowserVersion()}`
  }

  /** Opens a new window. All windows share one profile. */
  async open(url) {
    await this.#driver.switchTo().newWindow('window')
    await this.#closeBrowserPages()
    const tab = new Tab(this.#driver, await this.#driver.getWindowHandle())
    await tab.go(url)
    return tab
  }

  /** Closes the hidden pages of each new window for suggestions below the address. In headless Chromium 156, each takes a processor. */
  async #closeBrowserPages() {
    for (let closed = 0, attempts = 0; closed < 2 && attempts < 20; attempts++) {
      const { targetInfos } = await this.#driver.sendAndGetDevToolsCommand('Target.getTargets', { filter: [{}] })
      for (const { type, targetId } of targetInfos) {
        if (type !== 'browser_ui') continue
        await this.#driver.sendDevToolsCommand('Target.closeTarget', { targetId })
        closed++
      }
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }

  async stop() {
    await this.#driver.quit()
  }
}

class Tab {
  #driver
  #handle
  #measured = false

  constructor(driver, handle) {
    this.#driver = driver
    this.#handle = handle
  }

  async go(url) {
    await this.#turn()
    await this.#driver.get(url)
  }

  /** Runs the text as the body of a function in the page. Resolves with its result. */
  async run(script) {
    await this.#turn()
    return this.#driver.executeScript(script)
  }

  async until(expression) {
    await this.#turn()
    await this.#driver.wait(() => this.#driver.executeScript(`return Boolean(${expression})`), WAIT_MS, expression, 20)
  }

  /** Clears the HTTP cache and, with `origin`, its storage. */
  async forget(origin) {
    await this.#devtools('Network.clearBrowserCache', {})
    if (origin) await this.#devtools('Storage.clearDataForOrigin', { origin, storageTypes: 'all' })
  }

  async throttle({ latency, throughput }) {
    const limits = { latency, downloadThroughput: throughput, uploadThroughput: throughput, offline: false }
    await this.#devtools('Network.enable', {})
    await this.#devtools('Network.emulateNetworkConditions', limits)
  }

  /** The processor time of the main thread of the page, in seconds. Independent of other processes. */
  async cpuSeconds() {
    if (!this.#measured) await this.#devtools('Performance.enable', { timeDomain: 'threadTicks' })
    this.#measured = true
    const { metrics } = await this.#devtools('Performance.getMetrics', {})
    return metrics.find(({ name }) => name === 'TaskDuration').value
  }

  /** The memory in use after a garbage collection, in bytes. */
  async heap() {
    await this.#devtools('HeapProfiler.collectGarbage', {})
    const { usedSize } = await this.#devtools('Runtime.getHeapUsage', {})
    return { script: usedSize, wasm: await this.run('return wasmMemory?.buffer.byteLength ?? 0') }
  }

  async close() {
    await this.#turn()
    await this.#driver.close()
    const [first] = await this.#driver.getAllWindowHandles()
    await this.#driver.switchTo().window(first)
  }

  async #devtools(command, parameters) {
    await this.#turn()
    return this.#driver.sendAndGetDevToolsCommand(command, parameters)
  }

  async #turn() {
    await this.#driver.switchTo().window(this.#handle)
  }
}
