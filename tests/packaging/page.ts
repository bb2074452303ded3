// How the tests look at an example in Chromium: the id of the guest is in its <output>, an error in its role "alert".

import { Browser, type Tab } from 'guestpass-e2e/harness/browser.ts'
import type { Fault, FaultProxy } from 'guestpass-e2e/harness/fault_proxy.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect } from 'vitest'

export const GUEST = /^anonymous_[\da-f-]{36}$/

/** What a page shows after it has been loaded: the id of its guest or an error. */
export interface Shown {
  readonly guest?: string
  readonly error?: string
}

/** Opens a page in a new browser, waits until it shows a guest or an error, and expects no other errors in the console. */
export async function shownAt(url: string): Promise<Shown> {
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  await tab.startLoading(url)
  const shown = await shownIn(tab)
  if (!shown.error) expect(await consoleErrors(tab)).toEqual([])
  return shown
}

/** Opens the page in a folder. The server serves the page and the API from one origin. */
export async function shownBy(folder: string): Promise<Shown> {
  await using server = await Server.start(['--static', folder])
  return await shownAt(server.url)
}

/** Waits until the page in the tab shows a guest or an error. */
export async function shownIn(tab: Tab): Promise<Shown> {
  const look = () => {
    const guest = document.querySelector('output')?.textContent
    const error = document.querySelector('[role=alert]')?.textContent
    if (error) return { error }
    return guest?.startsWith('anonymous_') ? { guest } : undefined
  }
  await tab.until('the page shows a guest or an error', look)
  return (await tab.evaluate(look)) ?? {}
}

/** The errors that the page has written to the console, such as React's when the page differs from what a server rendered. */
export async function consoleErrors(tab: Tab): Promise<string[]> {
  return (await tab.console()).filter((line) => line.startsWith('SEVERE') && !line.includes('/favicon.ico'))
}

/** Presses the first button with this text. */
export function press(tab: Tab, text: string): Promise<void> {
  return tab.evaluate((text) => {
    const button = [...document.querySelectorAll('button')].find(({ textContent }) => textContent === text)
    if (!button) throw new Error(`there is no button ${text}`)
    button.click()
  }, text)
}

/** The texts of the elements that a selector finds. */
export function texts(tab: Tab, selector: string): Promise<string[]> {
  return tab.evaluate(
    (selector) => [...document.querySelectorAll(selector)].map(({ textContent }) => textContent),
    selector,
  )
}

/**
 * Opens the page behind a proxy, and delivers its compiled code only after the login, so that the session cannot be what logs in.
 * Expects one guest, one request for the compiled code, that of the preload, and nothing in the console.
 */
export async function expectEarlyLogin(tab: Tab, proxy: FaultProxy, server: Server): Promise<void> {
  const html = await (await fetch(proxy.url)).text()
  const [, href = 'none.wasm'] = /<link\s+rel="preload"[^>]*href="([^"]+\.wasm)"/.exec(html) ?? []
  const code = new URL(href, proxy.url).pathname
  const apply: Fault['apply'] = async (exchange) => {
    await expect.poll(() => server.guests()).toHaveLength(1)
    exchange.respond(await exchange.forward())
  }
  proxy.inject(`GET ${code}`, { name: 'waits for the login', apply })

  await tab.startLoading(proxy.url)

  expect(await shownIn(tab)).toEqual({ guest: expect.stringMatching(GUEST) })
  expect(await server.guests()).toHaveLength(1)
  expect(proxy.requestsOf(`GET ${code}`)).toHaveLength(1)
  expect(await requestersOf(tab, '/anonymous-login')).toEqual(['fetch'])
  expect(await requestersOf(tab, '.wasm')).toEqual(['link'])
  expect(await consoleLines(tab)).toEqual([])
}

/** The elements or calls that have requested a URL with this end. */
export function requestersOf(tab: Tab, end: string): Promise<string[]> {
  return tab.evaluate((end) => {
    const entries = performance.getEntriesByType('resource') as PerformanceResourceTiming[]
    return entries.filter(({ name }) => name.endsWith(end)).map(({ initiatorType }) => initiatorType)
  }, end)
}

/** The errors and warnings in the console, such as the warning about a preload that does not match. */
export async function consoleLines(tab: Tab): Promise<string[]> {
  return (await tab.console()).filter((line) => /^(SEVERE|WARNING)/.test(line) && !line.includes('/favicon.ico'))
}
