import { GuestpassError } from './errors.js'
import type { ManagerOptions } from './manager.js'
import type { CustomStorage, OnIdentityLost, RequestOptions, SessionOptions, StorageKind } from './types.js'

/** Checked options. `baseUrl` may still be undefined: it defaults to the page's origin, which a server does not have. */
export type CheckedOptions = Omit<ManagerOptions, 'baseUrl'> & { readonly baseUrl: string | undefined }

// The compiler checks both lists against the generated types: `satisfies` finds an extra name, and the calls of `oneOf`
// find a missing one. The first name is the default.
const STORAGES = ['local', 'session', 'indexeddb', 'memory'] as const satisfies readonly StorageKind[]
const POLICIES = ['reacquire', 'stop'] as const satisfies readonly OnIdentityLost[]

/** The longest delay of a timer in browsers and Node, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

const TIMEOUT_RULE = `timeout must be a number of milliseconds above 0 and at most ${LONGEST_TIMEOUT}`

const KNOWN = [
  'baseUrl',
  'name',
  'allowedOrigins',
  'storage',
  'onIdentityLost',
  'timeout',
  'debug',
  'wasm',
  'captcha',
] as const satisfies readonly (keyof SessionOptions)[]

/** The members of `RequestOptions`, with their types. */
const REQUEST_OPTIONS = {
  token: 'boolean',
  replay: 'boolean',
  isUnauthorized: 'function',
} as const satisfies Record<keyof RequestOptions, string>

/** The headers of the session's own requests that an app cannot set. */
const OWN_HEADERS = ['Authorization', 'Content-Type', 'Idempotency-Key', 'Proof-Of-Work']

/** Checks the options, since callers in plain JavaScript have no types, and fills in the defaults. */
export function checkOptions(options: SessionOptions = {}): CheckedOptions {
  if (typeof options !== 'object' || options === null) throw invalid('the options must be an object')
  for (const option of Object.keys(options)) {
    // Without this check, a misspelt `baseURL` would silently select the page's origin.
    if (!(KNOWN as readonly string[]).includes(option)) {
      throw invalid(`there is no option ${option}; the options are ${KNOWN.join(', ')}`)
    }
  }
  const { baseUrl, name = 'default', allowedOrigins = [], timeout = 30_000, debug = false, captcha } = options
  if (typeof name !== 'string' || name === '') throw invalid('name must be a non-empty string')
  if (!Array.isArray(allowedOrigins)) throw invalid('allowedOrigins must be an array')
  if (!isTimeout(timeout)) throw invalid(TIMEOUT_RULE)
  if (typeof debug !== 'boolean' && typeof debug !== 'function') throw invalid('debug must be a boolean or a function')
  if (captcha !== undefined && typeof captcha !== 'function') throw invalid('captcha must be a function')
  return {
    baseUrl: baseUrl === undefined ? undefined : checkBaseUrl(baseUrl),
    name,
    allowedOrigins: allowedOrigins.map(checkOrigin),
    storage: checkStorage(options.storage),
    onIdentityLost: oneOf('onIdentityLost', options.onIdentityLost, POLICIES),
    timeout,
    fetch,
    headers: checkHeaders(options.headers),
    requests,
    wasm: options.wasm,
    captcha,
    debug: debug === true ? (line) => console.debug(`guestpass ${name}: ${line}`) : debug || undefined,
  }
}

/** Checks the options of a request: the member `option` of the argument of the function `where`. */
export function checkRequestOptions(options: unknown, option: string, where: string): void {
  if (options === undefined) return
  if (typeof options !== 'object' || options === null) throw invalid(`${option} must be an object`, where)
  for (const [name, value] of Object.entries(options)) {
    const type = REQUEST_OPTIONS[name as keyof RequestOptions]
    if (typeof type !== 'string') {
      throw invalid(`there is no ${option}.${name}; the members are ${Object.keys(REQUEST_OPTIONS).join(', ')}`, where)
    }
    if (value !== undefined && typeof value !== type) throw invalid(`${option}.${name} must be a ${type}`, where)
  }
}

/** Returns the function that the session calls for each of its own requests. */
function checkHeaders(given: SessionOptions['headers']): ManagerOptions['headers'] {
  if (given === undefined || typeof given === 'function') return given
  const headers = copyHeaders(given)
  const own = OWN_HEADERS.find((name) => headers.has(name))
  if (own) throw invalid(`headers must not contain ${own}, which belongs to the session`)
  return () => headers
}

function copyHeaders(given: HeadersInit): Headers {
  try {
    return new Headers(given)
  } catch {
    throw invalid('headers must be headers, or a function that returns headers')
  }
}

/** Checks the `timeout` of a call of `token`. */
export function checkTokenTimeout(timeout: unknown): void {
  if (timeout !== undefined && !isTimeout(timeout)) throw invalid(TIMEOUT_RULE, 'token')
}

/** Checks the `next` of a call of `signOut`. A misspelt 'none' would let the next request acquire a guest. */
export function checkNext(next: unknown): void {
  if (next !== undefined && next !== 'guest' && next !== 'none') {
    throw invalid("next must be 'guest' or 'none'", 'signOut')
  }
}

/** Completes the options at the first use: `baseUrl` defaults to the page's origin. */
export function completeOptions(options: CheckedOptions): ManagerOptions {
  const baseUrl = options.baseUrl ?? pageOrigin()
  return { ...options, baseUrl }
}

function pageOrigin(): string {
  const origin = httpUrl(globalThis.location?.origin)?.origin
  if (!origin) throw invalid('baseUrl must be set where there is no page with an http or https origin')
  return origin
}

// The messages below name the option and never repeat its value: a URL may contain a password.

function checkBaseUrl(value: unknown): string {
  const url = httpUrl(value)
  if (!url || url.search || url.hash) {
    throw invalid('baseUrl must be an absolute http or https URL without user name, query or fragment')
  }
  return url.href.replace(/\/+$/, '')
}

function checkOrigin(value: unknown, index: number): string {
  const url = httpUrl(value)
  if (!url || url.href !== `${url.origin}/`) {
    throw invalid(`allowedOrigins[${index}] must be an http or https origin such as https://api.example.com`)
  }
  return url.origin
}

function httpUrl(value: unknown): URL | undefined {
  const url = typeof value === 'string' && parseUrl(value)
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return url
}

function checkStorage(storage: unknown): StorageKind | CustomStorage {
  if (typeof storage !== 'object' || storage === null) {
    return oneOf('storage', storage as StorageKind | undefined, STORAGES, ' or an object with get and set')
  }
  const { get, set, shared } = storage as Partial<CustomStorage>
  if (typeof get !== 'function') throw invalid('storage.get must be a function')
  if (typeof set !== 'function') throw invalid('storage.set must be a function')
  if (shared !== undefined && typeof shared !== 'boolean') throw invalid('storage.shared must be a boolean')
  return storage as CustomStorage
}

function isTimeout(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= LONGEST_TIMEOUT
}

/** Checks that `value` is one of `choices`; the first is the default. Does not compile when `choices` lacks a name. */
function oneOf<Choices extends readonly [string, ...string[]]>(
  option: string,
  value: Choices[number] | undefined,
  choices: Choices,
  alternative = '',
): Choices[number] {
  if (value === undefined) return choices[0]
  if (!choices.includes(value)) {
    throw invalid(`${option} must be ${choices.map((choice) => `'${choice}'`).join(' or ')}${alternative}`)
  }
  return value
}

/** The error of an argument of the function `where`. */
export function invalid(what: string, where = 'createSession'): GuestpassError {
  return new GuestpassError('invalid_option', `${where}: ${what}`)
}
