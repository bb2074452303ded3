// The example pwa: a page that its service worker starts while the server is stopped, in Chromium.

import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Browser, type Tab } from 'guestpass-e2e/harness/browser.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'
import { consoleErrors, press, shownIn, texts } from './page.ts'
import { npmRun } from './program.ts'
import { example } from './tarball.ts'

/** Builds the example, makes the visitor a guest, stops the server, and reloads the page. */
async function offline(
  change: (config: string) => string,
  use: (page: { server: Server; tab: Tab; guest: string }) => Promise<void>,
): Promise<void> {
  const folder = await example('pwa')
  const file = join(folder, 'vite.config.js')
  await writeFile(file, change(await readFile(file, 'utf8')))
  await npmRun(folder, 'build')
  // No page stores what only browsers without WebAssembly need.
  expect(await readFile(join(folder, 'dist/sw.js'), 'utf8')).not.toContain('guestpass_sdk_javascript')
  await using server = await Server.start(['--static', join(folder, 'dist')])
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  await tab.startLoading(server.url)
  await tab.until('the page is ready', () => document.querySelector('button')?.onclick)
  await press(tab, 'Visit')
  const { guest = '' } = await shownIn(tab)
  expect(await server.guests()).toEqual([guest])
  // The service worker is active when it has stored all files.
  await tab.until('the service worker is active', async () => (await navigator.serviceWorker.ready).active)
  await consoleErrors(tab)
  await server.stop()
  await tab.reload()
  await use({ server, tab, guest })
}

test('pwa: the page starts offline with its guest', () =>
  offline(
    (config) => config,
    async ({ server, tab, guest }) => {
      expect(await shownIn(tab)).toEqual({ guest })
      expect(await consoleErrors(tab)).toEqual([])

      await server.restart()
      await press(tab, 'Visit')

      await expect.poll(() => texts(tab, 'time')).not.toEqual([''])
      expect(await shownIn(tab)).toEqual({ guest })
      expect(await server.guests()).toEqual([guest])
    },
  ))

test('pwa: without the compiled code among the stored files, the page starts, and the session follows when online', () =>
  offline(
    (config) => config.replace(',wasm}', '}'),
    async ({ server, tab, guest }) => {
      await expect.poll(() => texts(tab, '[role=alert]')).toEqual([expect.stringMatching(/could not be loaded/)])
      expect(await texts(tab, 'output')).toEqual(['not yet a guest'])

      await server.restart()
      await tab.evaluate(() => void dispatchEvent(new Event('online')))

      await expect.poll(() => texts(tab, 'output')).toEqual([guest])
      expect(await server.guests()).toEqual([guest])
    },
  ))
