// The page /docs/ of the server, in Chromium.

import { Browser } from 'guestpass-e2e/harness/browser.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'

test('the page /docs/ shows each operation, can call one, and sends requests to its own server only', async () => {
  await using server = await Server.start()
  const contract = await (await fetch(`${server.url}/openapi.json`)).json()
  const summaries = Object.values<Record<string, { summary: string }>>(contract.paths).flatMap((item) =>
    Object.values(item).map(({ summary }) => summary),
  )
  await using browser = await Browser.start()
  const tab = await browser.openTab()

  await tab.startLoading(`${server.url}/docs`)
  await tab.until('the operations are there', () => document.querySelector('.opblock'))
  const shown = await tab.evaluate(() =>
    [...document.querySelectorAll('.opblock-summary-description')].map((element) => element.textContent),
  )
  expect(shown.sort()).toEqual(summaries.sort())

  for (const button of ['.opblock-summary-control', '.try-out__btn', '.execute']) {
    await tab.until(
      `${button} can be clicked`,
      (button) => {
        const found = document.querySelector<HTMLElement>(`.opblock[id$=login] ${button}`)
        found?.click()
        return found
      },
      button,
    )
  }
  await tab.until('the page shows the response', () =>
    document.querySelector('.live-responses-table tbody .response-col_status'),
  )
  expect(
    await tab.evaluate(() => document.querySelector('.live-responses-table tbody .response-col_status')?.textContent),
  ).toContain('200')
  expect(await server.guests()).toHaveLength(1)
  // No violation of the policy of the page, and no failed request.
  expect(await tab.console()).toEqual([])
  const asked = await tab.evaluate(() =>
    performance.getEntriesByType('resource').map(({ name }) => new URL(name).origin),
  )
  expect(new Set(asked)).toEqual(new Set([server.url]))
})
