// The example yew-shop, as the step packaging of scripts/test has built it, used in Chromium with the real server.

import { fileURLToPath } from 'node:url'
import { Browser, type Tab } from 'guestpass-e2e/harness/browser.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'
import { consoleErrors } from './page.ts'

const page = fileURLToPath(new URL('../../examples/yew-shop/page/', import.meta.url))
const NO_GUEST = 'You are not yet a guest.'

test('yew-shop: the first item makes a guest, who stays after a reload and in another tab until the sign-out', async () => {
  await using server = await Server.start(['--static', page])
  await using browser = await Browser.start()
  const tab = await browser.openTab()

  await tab.startLoading(server.url)
  await shows(tab, 'statuses', 'idle, loading, idle')
  await shows(tab, 'greeting', NO_GUEST)
  expect(await server.guests()).toEqual([])

  await tab.click('add-teapot')
  await shows(tab, 'cart', '1 × teapot')
  const [guest] = await server.guests()
  await shows(tab, 'greeting', `Hello, ${guest}.`)
  await shows(tab, 'statuses', 'idle, loading, idle, acquiring, active')

  await tab.reload()
  await shows(tab, 'greeting', `Hello, ${guest}.`)
  await shows(tab, 'cart', '1 × teapot')
  await tab.click('add-teapot')
  await shows(tab, 'cart', '2 × teapot')

  const other = await browser.openTab()
  await other.startLoading(server.url)
  await shows(other, 'greeting', `Hello, ${guest}.`)
  await shows(other, 'cart', '2 × teapot')
  await tab.click('sign-out')
  for (const each of [tab, other]) {
    await shows(each, 'greeting', NO_GUEST)
    await shows(each, 'cart', null)
    await shows(each, 'statuses', 'idle, loading, active, signed_out')
  }
  await expect.poll(() => server.sessions()).toEqual([expect.objectContaining({ revoked: 1 })])

  await tab.reload()
  await shows(tab, 'statuses', 'idle, loading, idle')
  await shows(tab, 'greeting', NO_GUEST)
  await tab.click('add-mug')
  await shows(tab, 'cart', '1 × mug')
  expect(await server.guests()).toEqual([guest, expect.not.stringMatching(String(guest))])
  await shows(tab, 'error', null)
  expect(await consoleErrors(tab)).toEqual([])
})

/** Waits until an element shows a text; null stands for an empty or hidden element. */
async function shows(tab: Tab, testId: string, text: string | null): Promise<void> {
  await expect.poll(() => tab.text(testId)).toBe(text)
}
