import { GuestpassError } from './errors.js'
import type { ManagerOptions } from './manager.js'
import type { CustomStorage, OnIdentityLost, RequestOptions, SessionOptions, StorageKind } from './types.js'
import { parseUrl } from './url.js'

/** Checked options. `baseUrl` may still be undefined: it defaults to the page's origin, which a server does not have. */
export type CheckedOptions = Omit<ManagerOptions, 'baseUrl'> & { readonly baseUrl: string | undefined }

// The compiler checks both lists against the generated types: `satisfies` finds an extra name, and the calls of `oneOf`
// find a missing one. The first name is the default.
const STORAGES = ['local', 'session', 'indexeddb', 'memory'] as const satisfies readonly StorageKind[]
const POLICIES = ['reacquire', 'stop'] as const satisfies readonly OnIdentityLost[]

/** The longest delay of a timer in browsers and Node, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1

const TIMEOUT_RULE = `timeout must be a number of milliseconds above 0 and at most ${LONGEST_TIMEOUT}`

/** The types of the members of an object. The empty text: any type, or one that is checked elsewhere. */
type Types<Members> = Readonly<Record<keyof Members, 'boolean' | 'function' | ''>>

const SESSION_OPTIONS: Types<SessionOptions> = {
  baseUrl: '',
  name: '',
  allowedOrigins: '',
  storage: '',
  onIdentityLost: '',
  timeout: '',
  debug: '',
  wasm: '',
  fetch: 'function',
  headers: '',
  requests: '',
  captcha: 'function',
}

const REQUEST_OPTIONS: Types<RequestOptions> = { token: 'boolean', replay: 'boolean', isUnauthorized: 'function' }

/** The headers of the session's own requests that an app cannot set. */
const OWN_HEADERS = ['Authorization', 'Content-Type', 'Idempotency-Key', 'Proof-Of-Work']

/** Checks the options, since callers in plain JavaScript have no types, and fills in the defaults. */
export function checkOptions(options: SessionOptions = {}): CheckedOptions {
  checkMembers(options, SESSION_OPTIONS, 'options')
  const { baseUrl, name = 'default', allowedOrigins = [], timeout = 30_000, debug = false } = options
  const { fetch, requests, captcha } = options
  checkName(name)
  check(Array.isArray(allowedOrigins), 'allowedOrigins must be an array')
  check(isTimeout(timeout), TIMEOUT_RULE)
  check(typeof debug === 'boolean' || typeof debug === 'function', 'debug must be a boolean or a function')
  checkRequestOptions(requests, 'requests')
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
export function checkRequestOptions(options: unknown, option: string, where?: string): void {
  if (options !== undefined) checkMembers(options, REQUEST_OPTIONS, option, where)
}

/** Checks that the object `what` has no other members than those of `types`: a misspelt one would have no effect. */
export function checkMembers(
  given: unknown,
  types: Readonly<Record<string, string>>,
  what: string,
  where?: string,
): void {
  check(typeof given === 'object' && given !== null, `${what} must be an object`, where)
  for (const [name, value] of Object.entries(given)) {
    const type = types[name]
    // Not `undefined`: a name such as `toString` is a member of every object.
    check(
      typeof type === 'string',
      `there is no ${what}.${name}; the members are ${Object.keys(types).join(', ')}`,
      where,
    )
    check(!type || value === undefined || typeof value === type, `${what}.${name} must be a ${type}`, where)
  }
}

/** Returns the function that the session calls for each of its own requests. */
function checkHeaders(given: SessionOptions['headers']): ManagerOptions['headers'] {
  if (given === undefined || typeof given === 'function') return given
  const headers = copyHeaders(given)
  const own = OWN_HEADERS.find((name) => headers.has(name))
  check(!own, `headers must not contain ${own}, which belongs to the session`)
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
  check(timeout === undefined || isTimeout(timeout), TIMEOUT_RULE, 'token')
}

/** Checks the `next` of a call of `signOut`. A misspelt 'none' would let the next request acquire a guest. */
export function checkNext(next: unknown): void {
  oneOf('next', next as 'guest' | undefined, ['guest', 'none'], '', 'signOut')
}

/** Completes the options at the first use: `baseUrl` defaults to the page's origin. */
export function completeOptions(options: CheckedOptions): ManagerOptions {
  const baseUrl = options.baseUrl ?? pageOrigin()
  return { ...options, baseUrl }
}

function pageOrigin(): string {
  const origin = httpUrl(globalThis.location?.origin)?.origin
  check(origin, 'baseUrl must be set where there is no page with an http or https origin')
  return origin
}

// The messages below name the option and never repeat its value: a URL may contain a password.

/** Returns the base URL without slashes at its end. */
export function checkBaseUrl(value: unknown, where?: string): string {
  const url = httpUrl(value)
  const isBase = url && !url.search && !url.hash
  check(isBase, 'baseUrl must be an absolute http or https URL without user name, query or fragment', where)
  return url.href.replace(/\/+$/, '')
}

export function checkName(name: unknown, where?: string): asserts name is string {
  check(typeof name === 'string' && name !== '', 'name must be a non-empty string', where)
}

function checkOrigin(value: unknown, index: number): string {
  const url = httpUrl(value)
  const isOrigin = url?.href === `${url?.origin}/`
  check(isOrigin, `allowedOrigins[${index}] must be an http or https origin such as https://api.example.com`)
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
  check(typeof get === 'function' && typeof set === 'function', 'storage.get and storage.set must be functions')
  check(shared === undefined || typeof shared === 'boolean', 'storage.shared must be a boolean')
  return storage as CustomStorage
}

function isTimeout(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= LONGEST_TIMEOUT
}

/** Checks that `value` is one of `choices`; the first is the default. Does not compile when `choices` lacks a name. */
function oneOf<const Choices extends readonly [string, ...string[]]>(
  option: string,
  value: Choices[number] | undefined,
  choices: Choices,
  alternative = '',
  where?: string,
): Choices[number] {
  if (value === undefined) return choices[0]
  check(choices.includes(value), `${option} must be '${choices.join("' or '")}'${alternative}`, where)
  return value
}

/** Throws the error of an argument of the function `where`, unless the argument is valid. */
function check(valid: unknown, what: string, where?: string): asserts valid {
  if (!valid) throw invalid(what, where)
}

/** The error of an argument of the function `where`. */
export function invalid(what: string, where = 'createSession'): GuestpassError {
  return new GuestpassError('invalid_option', `${where}: ${what}`)
}
