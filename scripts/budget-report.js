// Compares the pages of a running demo with their budgets: node scripts/budget-report.js URL
//
// For each page: the gzipped JavaScript that it loads; the time of the first contentful paint with a processor that is four times
// slower than this one; the layout shift during loading. The figures are medians of three visits.

import { createRequire } from 'node:module'
import { gzipSync } from 'node:zlib'

const { Builder } = createRequire(new URL('../tests/e2e/package.json', import.meta.url))('selenium-webdriver')
const chrome = createRequire(new URL('../tests/e2e/package.json', import.meta.url))('selenium-webdriver/chrome.js')

const BUDGET = { '/': { js: 170_000, paint: 1500, shift: 0 }, '/lab': { js: 200_000, paint: 1500, shift: 0 } }
const SLOWER = 4
const TIMES = 3

const [url] = process.argv.slice(2)
if (!url) throw new Error('usage: node scripts/budget-report.js URL')

let over = false
for (const [path, budget] of Object.entries(BUDGET)) {
  const visits = []
  for (let time = 0; time < TIMES; time += 1) visits.push(await visit(new URL(path, url).href))
  const median = (name) => visits.map((visit) => visit[name]).sort((a, b) => a - b)[Math.floor(TIMES / 2)]
  say(path, 'JavaScript, gzipped', median('js'), budget.js, 'bytes')
  say(path, `first contentful paint, processor ${SLOWER} times slower`, median('paint'), budget.paint, 'ms')
  say(path, 'layout shift', median('shift'), budget.shift, '')
}
process.exitCode = over ? 1 : 0

function say(path, what, value, most, unit) {
  over ||= value > most
  console.log(`${path.padEnd(5)} ${what}: ${value} ${unit} (at most ${most})${value > most ? '  OVER' : ''}`)
}

/** Visits a page with a new browser profile. */
async function visit(href) {
  const options = new chrome.Options()
  options.setChromeBinaryPath('/usr/bin/chromium')
  options.addArguments('--headless=new', '--no-sandbox', '--disable-gpu', '--window-size=1440,900')
  const driver = await new Builder()
    .forBrowser('chrome')
    .setChromeOptions(options)
    .setChromeService(new chrome.ServiceBuilder('/usr/bin/chromedriver'))
    .build()
  try {
    await driver.sendDevToolsCommand('Emulation.setCPUThrottlingRate', { rate: SLOWER })
    await driver.get(href)
    const seen = await driver.executeAsyncScript(`
      const done = arguments[0]
      let shift = 0
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) shift += entry.value
      }).observe({ type: 'layout-shift', buffered: true })
      const rested = () => {
        const status = window.guestpass && window.guestpass.getSnapshot().status
        const waits = status !== 'active' || document.querySelector('[aria-busy=true], .lab-loading')
        if (waits) return setTimeout(rested, 100)
        setTimeout(() => done({
          shift: Math.round(shift * 10000) / 10000,
          paint: Math.round(performance.getEntriesByName('first-contentful-paint')[0].startTime),
          scripts: performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => /[.]js$/.test(name)),
        }), 1000)
      }
      rested()
    `)
    const sizes = await Promise.all(seen.scripts.map(async (script) => gzipped(await fetch(script))))
    return { ...seen, js: sizes.reduce((sum, size) => sum + size, 0) }
  } finally {
    await driver.quit()
  }
}

async function gzipped(response) {
  return gzipSync(Buffer.from(await response.arrayBuffer()), { level: 9 }).length
}
