// The classic client (classic_client.js) in Node and in a page.

import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import axios, { type AxiosInstance } from 'axios'
import { Browser } from 'guestpass-e2e/harness/browser.ts'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { createClassicClient } from './classic_client.js'
import { StaticPage } from './static_page.ts'

declare global {
  interface Window {
    /** The classic client of classic_page.html. */
    api: AxiosInstance
  }
}

/** A classic client in Node or in a page. */
export interface ClassicClient {
  get(path: string): Promise<Answer>
  post(path: string, body: unknown): Promise<Answer>
  /** The token that the client has stored. */
  token(): Promise<string | null>
}

/** The members that tests use of an axios response, or of the response in an axios error. */
export interface Answer {
  readonly status: number
  readonly data: unknown
}

/** Runs a test with a classic client in one environment, against a server with these flags. */
export type Environment = (flags: readonly string[], act: Act) => Promise<void>
export type Act = (client: ClassicClient, server: Server) => Promise<void>

export const inNode: Environment = async (flags, act) => {
  await using server = await Server.start(flags)
  const entries = new Map<string, string>()
  const storage = {
    getItem: (key: string) => entries.get(key) ?? null,
    setItem: (key: string, value: string) => void entries.set(key, value),
  }
  const api = createClassicClient(axios, server.url, storage)
  const client: ClassicClient = {
    get: (path) => api.get(path),
    post: (path, body) => api.post(path, body),
    token: async () => storage.getItem('token'),
  }
  await act(client, server)
}

/** The page has another origin than the API, as usual in development. */
export const inBrowser: Environment = async (flags, act) => {
  await using page = await StaticPage.serve({
    'index.html': here('classic_page.html'),
    'classic_client.js': here('classic_client.js'),
    'axios.js': join(dirname(require.resolve('axios/package.json')), 'dist/esm/axios.min.js'),
  })
  await using server = await Server.start([...flags, '--cors-origin', page.url])
  await using browser = await Browser.start()
  const tab = await browser.openTab()
  await tab.startLoading(`${page.url}/?api=${server.url}`)
  await tab.until('the page has its client', () => window.api)
  const client: ClassicClient = {
    get: (path) =>
      tab.evaluate(async (path) => {
        const { status, data } = await window.api.get(path)
        return { status, data }
      }, path),
    post: (path, body) =>
      tab.evaluate(
        async (path, body) => {
          const { status, data } = await window.api.post(path, body)
          return { status, data }
        },
        path,
        body,
      ),
    token: () => tab.evaluate(() => localStorage.getItem('token')),
  }
  await act(client, server)
}

const require = createRequire(import.meta.url)

function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url))
}
