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

/** The classic client, wherever it runs. */
export interface ClassicClient {
  get(path: string): Promise<Answer>
  post(path: string, body: unknown): Promise<Answer>
  /** The token that it keeps. */
  token(): Promise<string | null>
}

/** What axios tells of an answer, or of the error that it makes of one. */
export interface Answer {
  readonly status: number
  readonly data: unknown
}

/** Runs a test against a server with these flags, with a classic client in some environment. */
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

/** As usual in development: the page comes from another origin than the API. */
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
