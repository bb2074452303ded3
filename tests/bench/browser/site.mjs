// Serves the pages, bundled by Vite, compressed and with the cache headers of production, and forwards the requests for the API:
// both have one origin. Counts the requests for the API.

import { createServer, request } from 'node:http'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { guestpass } from '../../../npm/dist/vite.js'

const HERE = fileURLToPath(new URL('.', import.meta.url))
const PACKAGE = fileURLToPath(new URL('../../../npm/dist/index.js', import.meta.url))

/** For each page: the name of its script, and the options of the plugin. */
const PAGES = {
  stubbed: { script: 'stubbed' },
  guestpass: { script: 'guestpass' },
  preloaded: { script: 'guestpass', plugin: {} },
  early: { script: 'guestpass', plugin: { earlyLogin: true } },
  early_alone: { script: 'guestpass', plugin: { earlyLogin: true, preload: false } },
  axios: { script: 'axios' },
}

const TYPES = { html: 'text/html', js: 'text/javascript', wasm: 'application/wasm' }

export class Site {
  #server
  url
  /** The number of requests for each path of the API. */
  requests = new Map()

  static async serve(api) {
    const site = new Site()
    const files = await bundled()
    site.#server = createServer((incoming, outgoing) => {
      const file = files.get(incoming.url)
      if (file) outgoing.writeHead(200, file.headers).end(file.body)
      else if (api) site.#forward(api, incoming, outgoing)
      else outgoing.writeHead(404).end()
    })
    await new Promise((resolve) => site.#server.listen(0, '127.0.0.1', resolve))
    site.url = `http://127.0.0.1:${site.#server.address().port}`
    return site
  }

  #forward(api, incoming, outgoing) {
    this.requests.set(incoming.url, (this.requests.get(incoming.url) ?? 0) + 1)
    const { method, headers, url } = incoming
    const forwarded = request(new URL(url, api), { method, headers }, (response) => {
      outgoing.writeHead(response.statusCode, response.headers)
      response.pipe(outgoing)
    })
    forwarded.on('error', () => outgoing.destroy())
    incoming.pipe(forwarded)
  }

  async stop() {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

let files

/** The files of all pages by their paths. They are bundled once. */
function bundled() {
  files ??= Promise.all(Object.entries(PAGES).map(([name, page]) => bundle(name, page))).then(
    (bundles) => new Map(bundles.flat()),
  )
  return files
}

async function bundle(name, { script, plugin }) {
  const { output } = await build({
    configFile: false,
    logLevel: 'warn',
    root: HERE,
    resolve: { alias: { guestpass: PACKAGE } },
    build: { write: false, rolldownOptions: { input: `${HERE}${name}.html` } },
    plugins: [htmlOf(name, script), plugin && guestpass(plugin)],
  })
  return output.map((file) => [`/${file.fileName}`, served(file)])
}

/** The HTML of a page. It is no file, since the pages differ only in their scripts and in what plugins add to their heads. */
function htmlOf(name, script) {
  const path = `${HERE}${name}.html`
  const head = `<meta charset="utf-8"><title>${name}</title><script type="module" src="/pages/${script}.js"></script>`
  const html = `<!doctype html><html><head>${head}</head></html>`
  return {
    name: 'html',
    enforce: 'pre',
    resolveId: (id) => (id === path ? path : undefined),
    load: (id) => (id === path ? html : undefined),
  }
}

/** Files with a hash in their names never change. */
function served({ fileName, code, source }) {
  const isPage = fileName.endsWith('.html')
  return {
    headers: {
      'content-type': TYPES[fileName.split('.').at(-1)],
      'content-encoding': 'gzip',
      'cache-control': isPage ? 'no-cache' : 'public, max-age=31536000, immutable',
    },
    body: gzipSync(code ?? source, { level: 9 }),
  }
}
