/**
 * Early login: a small inline script for the head of a page, which starts the login of a first visit while the browser still
 * loads the JavaScript and the compiled code. The session takes the request over. Has no compiled code, and runs in Node, in
 * edge runtimes and at build time.
 *
 * @example
 * ```ts
 * import { earlyLogin, scriptHash } from 'guestpass/early-login'
 *
 * const script = earlyLogin({ baseUrl: 'https://api.shop.example' })
 * const head = `<head><script>${script}</script>` // before any other script
 * const policy = `script-src 'self' 'wasm-unsafe-eval' ${await scriptHash(script)}`
 * ```
 *
 * @packageDocumentation
 */

import { script } from '../pkg/early_login.js'
import { checkBaseUrl, checkMembers, checkName } from './options.js'

/** The options of the session whose guest is acquired. Its option `storage` must be `local`, the default. */
export interface EarlyLoginOptions {
  /** The base URL of the Guestpass endpoints. Default: the origin of the page. */
  readonly baseUrl?: string
  /** The name of the session. Default: `default`. */
  readonly name?: string
}

/**
 * The text of a classic inline script, without `<script>`. Put it into the head of the page, before any other script. It is ASCII,
 * contains neither `</` nor `<!--`, and is the same for the same options, so that a Content-Security-Policy can name its hash.
 *
 * In a first visit, the script stores an acquire key and sends `POST /anonymous-login`. It does nothing for a returning visitor,
 * while another tab logs in, and where localStorage or Web Locks are missing.
 *
 * Use it only for a session without the options `fetch` and `headers`, which the script does not know: such a session sends the
 * login again by itself.
 *
 * @throws GuestpassError with code `invalid_option`; the message names the option.
 */
export function earlyLogin(options: EarlyLoginOptions = {}): string {
  checkMembers(options, OPTIONS, 'options', WHERE)
  const { baseUrl, name = 'default' } = options
  checkName(name, WHERE)
  const values: Record<string, string> = {
    __BASE_URL__: baseUrl === undefined ? 'location.origin' : literal(checkBaseUrl(baseUrl, WHERE)),
    __NAME__: literal(name),
  }
  return script.replace(/__BASE_URL__|__NAME__/g, (constant) => values[constant] ?? constant)
}

/**
 * The source expression of a Content-Security-Policy that allows this inline script, with its quotes: `'sha256-…'` (CSP Level 3,
 * section 2.3.1).
 *
 * @param script - the text between `<script>` and `</script>`, character by character.
 */
export async function scriptHash(script: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(script))
  return `'sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}'`
}

const WHERE = 'earlyLogin'

const OPTIONS = { baseUrl: '', name: '' } satisfies Record<keyof EarlyLoginOptions, ''>

/** A string literal in ASCII that cannot end a script element. */
function literal(text: string): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  return JSON.stringify(text).replace(/[<\u007f-\uffff]/g, escaped)
}
