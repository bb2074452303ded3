// What React Native and its usual polyfills add to Hermes, as far as a session needs it. `send` takes the place of the network.

const scope = globalThis

scope.send = () => Promise.reject(new TypeError('Network request failed'))
scope.fetch = (input, init) => scope.send(String(input.url ?? input), init ?? {})
const { clearTimeout: clear } = scope
scope.clearTimeout = (timer) => timer === undefined || clear(timer)
scope.queueMicrotask = (callback) => void Promise.resolve().then(callback)
scope.performance = { now: Date.now }
scope.console = { warn: print, debug: print, error: print }
scope.crypto = {
  getRandomValues(bytes) {
    for (let index = 0; index < bytes.length; index++) bytes[index] = Math.random() * 256
    return bytes
  },
}

scope.TextEncoder = class {
  encode(text) {
    const bytes = unescape(encodeURIComponent(text))
    return Uint8Array.from({ length: bytes.length }, (_, index) => bytes.charCodeAt(index))
  }
}

scope.TextDecoder = class {
  decode(bytes = new Uint8Array()) {
    let text = ''
    for (let index = 0; index < bytes.length; index++) text += String.fromCharCode(bytes[index])
    return decodeURIComponent(escape(text))
  }
}

scope.Headers = class Headers {
  constructor(init = {}) {
    this.map = {}
    const entries = init instanceof Headers ? init.map : init
    for (const name of Object.keys(entries)) this.set(name, entries[name])
  }
  set(name, value) {
    this.map[name.toLowerCase()] = String(value)
  }
  get(name) {
    return this.map[name.toLowerCase()] ?? null
  }
  has(name) {
    return this.get(name) !== null
  }
}

scope.Request = class Request {}

scope.Response = class Response {
  constructor(body, { status = 200, headers = {} } = {}) {
    Object.assign(this, { text: async () => body, json: async () => JSON.parse(body), status, ok: status < 300 })
    this.headers = new Headers(headers)
  }
}

scope.AbortController = class {
  signal = { aborted: false, addEventListener() {}, removeEventListener() {} }
  abort() {
    this.signal.aborted = true
  }
}

scope.URL = class URL {
  constructor(url, base) {
    const [, origin, path] = /^(https?:\/\/[^/?#]+)(.*)$/.exec(url) ?? [undefined, base && new URL(base).origin, url]
    if (!origin) throw new TypeError(`Invalid URL: ${url}`)
    const pathname = path.split(/[?#]/)[0] || '/'
    Object.assign(this, { origin, pathname, protocol: origin.replace(/\/.*/, ''), href: origin + (path || '/') })
    Object.assign(this, { search: '', hash: '', username: '', password: '' })
  }
}

scope.URLSearchParams = class {
  parts = []
  append(name, value) {
    this.parts.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
  }
  toString() {
    return this.parts.join('&')
  }
}
