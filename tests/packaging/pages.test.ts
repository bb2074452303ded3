// What can go wrong on a page or in a program that uses the package: policies, MIME types, CommonJS, a refused upload.

import { execFile } from 'node:child_process'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { Browser } from 'guestpass-e2e/harness/browser.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'
import { consoleErrors, GUEST, shownBy, shownIn } from './page.ts'
import { packed, pageWithoutBundler, work } from './tarball.ts'
import { UploadService } from './upload_service.ts'

const run = promisify(execFile)

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const text = await readFile(file, 'utf8')
  const changed = change(text)
  expect(changed, `the edit of ${file}`).not.toBe(text)
  await writeFile(file, changed)
}

test('CommonJS on Node can require every entry: none has a top-level await', async () => {
  const { exports } = JSON.parse(await readFile(join(packed, 'package.json'), 'utf8'))
  const entries = Object.keys(exports).filter((name) => !/\.(wasm|json)$/.test(name))
  const script = `for (const name of ${JSON.stringify(entries)}) console.log(name, typeof require('guestpass' + name.slice(1)))`

  const { stdout } = await run(process.execPath, ['--input-type=commonjs', '--eval', script], { cwd: work })

  expect(stdout.trim().split('\n')).toEqual(entries.map((name) => `${name} object`))
  expect(entries).toContain('./streams')
})

test('a page works when its server does not send the MIME type of WebAssembly', async () => {
  const folder = await pageWithoutBundler('../../examples/plain-page')
  await cp(join(packed, 'pkg/guestpass_sdk_bg.wasm'), join(folder, 'sdk.bin'))
  await edit(join(folder, 'main.js'), (text) => text.replace('location.origin', "location.origin, wasm: 'sdk.bin'"))

  expect(await shownBy(folder)).toEqual({ guest: expect.stringMatching(GUEST) })
})

test('a page works with a strict Content-Security-Policy', async () => {
  expect(await shownBy(await pageWithoutBundler('pages/csp'))).toEqual({ guest: expect.stringMatching(GUEST) })
})

test('when the Content-Security-Policy forbids WebAssembly, the page works, and a warning says what to add', async () => {
  const folder = await pageWithoutBundler('pages/csp')
  await edit(join(folder, 'index.html'), (text) => text.replace(" 'wasm-unsafe-eval'", ''))
  await using server = await Server.start(['--static', folder])
  await using browser = await Browser.start()
  const tab = await browser.openTab()

  await tab.startLoading(server.url)
  expect(await shownIn(tab)).toEqual({ guest: expect.stringMatching(GUEST) })
  expect((await tab.console()).join('\n')).toContain("add 'wasm-unsafe-eval' to script-src")
})

test('C3: axios in a browser: an upload with progress is sent again after a 401', async () => {
  const folder = await pageWithoutBundler('pages/axios-upload')
  const axios = dirname(createRequire(import.meta.url).resolve('axios/package.json'))
  await cp(join(axios, 'dist/esm/axios.min.js'), join(folder, 'axios.js'))
  await using server = await Server.start(['--static', folder])
  await using service = await UploadService.start(server.url)
  await using browser = await Browser.start()
  const tab = await browser.openTab()

  await tab.startLoading(`${server.url}/?service=${encodeURIComponent(service.url)}`)
  await tab.until('the upload has ended', () => document.querySelector('output')?.textContent)

  const { response, progress } = JSON.parse(
    await tab.evaluate(() => document.querySelector('output')?.textContent ?? ''),
  )
  expect(response).toEqual({ guest: expect.stringMatching(GUEST), size: 3_000_000 })
  expect(progress.at(-1)).toEqual({ loaded: 3_000_000, total: 3_000_000 })
  expect(service.urls).toEqual(['/upload', '/upload'])
  // The browser reports the 401.
  expect(await consoleErrors(tab)).toEqual([expect.stringContaining('401')])
})
