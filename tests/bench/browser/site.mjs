// Serves the pages, bundled and compressed as in production, and forwards the requests for the API: both have one origin. Counts
// the requests for the API.

import { readFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const WASM = '/pkg/guestpass_sdk_bg.wasm'
const PRELOAD = `<link rel="preload" href="${WASM}" as="fetch" type="application/wasm" crossorigin>`

export class Site {
  #server
  url
  /** The number of requests for each path of the API. */
  requests = new Map()

  static async serve(api) {
    const site = new Site()
    const files = await filesOf()
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

async function filesOf() {
  const files = new Map()
  const add = (path, type, body) =>
    files.set(path, {
      headers: { 'content-type': type, 'content-encoding': 'gzip', 'cache-control': 'no-store' },
      body: gzipSync(body, { level: 9 }),
    })
  const { outputFiles } = await build({
    entryPoints: ['stubbed', 'guestpass', 'axios'].map((name) => join(HERE, `pages/${name}.js`)),
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser'],
    alias: { guestpass: join(ROOT, 'npm/dist/index.js') },
    outdir: '/dist',
    write: false,
  })
  for (const { path, contents } of outputFiles) {
    const name = /([^/]+)\.js$/.exec(path)[1]
    add(`/dist/${name}.js`, 'text/javascript', contents)
    add(`/${name}.html`, 'text/html', page(name))
  }
  add('/preloaded.html', 'text/html', page('guestpass', PRELOAD))
  add(WASM, 'application/wasm', readFileSync(join(ROOT, `npm${WASM}`)))
  return files
}

const HERE = fileURLToPath(new URL('.', import.meta.url))

function page(name, more = '') {
  return `<!doctype html><meta charset="utf-8"><title>${name}</title>${more}<script type="module" src="/dist/${name}.js"></script>`
}
