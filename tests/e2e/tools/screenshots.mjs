// Takes the screenshots in docs/screenshots of a running demo: node tests/e2e/tools/screenshots.mjs URL [FOLDER]
// Each page in the widths of a phone and of a desktop; the shop also in Chinese and in dark colours.

import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Builder, By, Key, until } from 'selenium-webdriver'
import * as chrome from 'selenium-webdriver/chrome.js'

const [url, folder = 'docs/screenshots'] = process.argv.slice(2)
if (!url) throw new Error('usage: node tests/e2e/tools/screenshots.mjs URL [FOLDER]')

const sizes = { phone: [390, 844, true], desktop: [1440, 900, false] }
/** Tall enough for all faults of the lab. */
const TALL = { phone: [390, 4700, true], desktop: [1440, 1760, false] }
/** Tall enough for the merge of two carts, below the header of the page. */
const MERGE = { phone: [390, 1640, true], desktop: [1440, 900, false] }

const options = new chrome.Options()
options.setChromeBinaryPath('/usr/bin/chromium')
options.addArguments('--headless=new', '--no-sandbox', '--disable-gpu', '--hide-scrollbars', '--window-size=1440,900')
const driver = await new Builder()
  .forBrowser('chrome')
  .setChromeOptions(options)
  .setChromeService(new chrome.ServiceBuilder('/usr/bin/chromedriver'))
  .build()

try {
  await mkdir(folder, { recursive: true })
  await size('desktop')
  await open('/')
  await find('item-1')
  for (const id of [1, 1, 2, 4]) await click(`add-${id}`)
  await click('favorite-5')
  for (const words of ['tea', 'wool', 'honey']) {
    await (await find('search')).sendKeys(words, Key.ENTER)
    await click('clear-search')
    await settled()
  }
  for (const id of [7, 3, 8]) {
    await open(`/shop/${id}`)
    await find('detail')
    await settled()
  }
  for (const name of Object.keys(sizes)) {
    await size(name)
    await shot('/', 'item-1', `shop-${name}`)
    await shot('/shop/5', 'detail', `item-${name}`)
    await shot('/account', 'device', `account-${name}`)
    await open('/')
    await find('item-1')
    await click('open-cart')
    await find('cart-total')
    await picture(`cart-${name}`)
    await open('/')
    await find('item-1')
    await click('search')
    await find('searches')
    await picture(`search-${name}`)
  }
  await size('desktop')
  await open('/account')
  await click('choose-dark')
  await click('choose-zh')
  await click('choose-CNY')
  await settled()
  for (const name of Object.keys(sizes)) {
    await size(name)
    await shot('/', 'item-1', `shop-dark-zh-${name}`)
  }
  await size('desktop')
  await open('/account')
  for (const choice of ['light', 'en', 'EUR']) await click(`choose-${choice}`)
  await settled()
  await open('/lab')
  await find('guestpass-guests')
  await click('merge-run')
  await find('merge-merged')
  await click('run-all')
  await driver.wait(until.elementLocated(By.css('[data-testid="fault-revoke"][data-held]')), 120_000)
  await (await driver.findElement(By.css('[data-testid="identity-notice"] button'))).click()
  for (const name of Object.keys(sizes)) {
    await resize(TALL[name])
    await driver.executeScript('scrollTo({ top: 0, behavior: "instant" })')
    await picture(`lab-${name}`)
    await resize(MERGE[name])
    await driver.executeScript(`
      document.querySelector('[data-testid=merge]').scrollIntoView({ block: 'start', behavior: 'instant' })
      scrollBy({ top: -170, behavior: 'instant' })
    `)
    await picture(`merge-${name}`)
  }
} finally {
  await driver.quit()
}

function size(name) {
  return resize(sizes[name])
}

async function resize([width, height, mobile]) {
  await driver.sendDevToolsCommand('Emulation.setDeviceMetricsOverride', {
    width,
    height,
    deviceScaleFactor: 1,
    mobile,
  })
}

async function open(path) {
  await driver.get(new URL(path, url).href)
}

async function shot(path, testId, name, ...more) {
  await open(path)
  for (const id of [testId, ...more]) await find(id)
  await settled()
  await picture(name)
}

async function picture(name) {
  await driver.executeAsyncScript(`document.fonts.ready.then(() => setTimeout(arguments[0], 400))`)
  const { data } = await driver.sendAndGetDevToolsCommand('Page.captureScreenshot', { format: 'png' })
  await writeFile(join(folder, `${name}.png`), Buffer.from(data, 'base64'))
}

function find(testId) {
  return driver.wait(until.elementLocated(By.css(`[data-testid="${testId}"]`)), 20_000)
}

async function click(testId) {
  const element = await find(testId)
  // The header of the page covers an element that the driver has scrolled to the top.
  await driver.executeScript(`arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })`, element)
  await element.click()
}

/** Waits until nothing on the page is loading. */
async function settled() {
  await driver.wait(
    async () => await driver.executeScript('return !document.querySelector("[aria-busy=true], [data-saving=true]")'),
    20_000,
  )
}
