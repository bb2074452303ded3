/**
 * The plugin for Vite: a page asks for the compiled code, and if wanted for its guest, before its JavaScript runs.
 *
 * @example
 * ```ts
 * // vite.config.ts
 * import { guestpass } from 'guestpass/vite'
 *
 * export default { plugins: [guestpass({ earlyLogin: { baseUrl: 'https://api.shop.example' } })] }
 * ```
 *
 * @packageDocumentation
 */

import { readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type EarlyLoginOptions, earlyLogin, scriptHash } from './early-login.js'
import type { BuiltScript, Bundle, HtmlElement, PageContext, ViteConfig } from './vite-types.js'

export type { EarlyLoginOptions } from './early-login.js'

/** The options of the plugin. */
export interface GuestpassPluginOptions {
  /**
   * Preloads the compiled code. Set it to `false` if the session has the option `wasm`, or if its first use is long after the page
   * has been loaded. Default: true.
   */
  readonly preload?: boolean
  /**
   * Starts the login of a first visit in the head of the page. Pass the `baseUrl` and the `name` of the page's session, or `true` if
   * it has none. Default: false.
   */
  readonly earlyLogin?: boolean | EarlyLoginOptions
}

/**
 * Returns the plugin, for Vite 5 and newer.
 *
 * A build changes the HTML pages of which the script imports `guestpass`, not by `import()`. In development, where that is not known
 * in advance, each page gets the early login, and none preloads. With the early login, a build prints the source expression for
 * `script-src` of a Content-Security-Policy, unless Vite's `html.cspNonce` is set, which the plugin uses.
 *
 * @throws GuestpassError with code `invalid_option`; the message names the option.
 */
export function guestpass(options: GuestpassPluginOptions = {}): GuestpassPlugin {
  const { preload = true, earlyLogin: early = false } = options
  const script = early ? earlyLogin(early === true ? {} : early) : undefined
  let config: ViteConfig
  let changed = 0

  return {
    name: 'guestpass',
    // A later plugin inserts before an earlier one: the early login comes before the scripts of other plugins.
    enforce: 'post',

    // In development, Vite 5 to 7 move the JavaScript of a dependency, but not the file beside it.
    config: () => ({ optimizeDeps: { exclude: ['guestpass'] } }),

    configResolved(resolved) {
      config = resolved
    },

    transformIndexHtml: {
      order: 'post',
      async handler(html, { path, bundle, chunk }) {
        const chunks = withImports(chunk, bundle)
        if (bundle && !chunks.some(({ moduleIds }) => moduleIds.some(isSession))) return
        changed += 1
        const href = preload ? await compiledCode(config, path.slice(1), chunks, bundle) : undefined
        return insert(html, script, href)
      },
    },

    async closeBundle() {
      if (config.command !== 'build' || config.build.ssr) return
      if (changed === 0) {
        config.logger.warn("guestpass: nothing is preloaded, because no HTML page of the build imports 'guestpass'")
      } else if (script && !config.html?.cspNonce) {
        config.logger.info(`guestpass: for script-src, the early login is ${await scriptHash(script)}`)
      }
      changed = 0
    },
  }
}

/** The plugin. It is assignable to `Plugin` and `PluginOption` of each version of Vite, whose types the package does not need. */
export interface GuestpassPlugin {
  /** The name of the plugin. */
  readonly name: 'guestpass'
  /** @hidden */
  readonly enforce: 'post'
  /** @hidden */
  config(): { optimizeDeps: { exclude: string[] } }
  /** @hidden */
  configResolved(config: ViteConfig): void
  /** @hidden */
  readonly transformIndexHtml: {
    readonly order: 'post'
    handler(html: string, context: PageContext): Promise<{ html: string; tags: HtmlElement[] } | undefined>
  }
  /** @hidden */
  closeBundle(): Promise<void>
}

/** The module of which each session needs the compiled code: of this copy of the package, or of another one. */
const OWN = fileURLToPath(new URL('./session.js', import.meta.url)).replaceAll('\\', '/')
const isSession = (id: string) => id === OWN || id.endsWith('/node_modules/guestpass/dist/session.js')

/** A script and all that it imports statically. */
function withImports(entry: BuiltScript | undefined, bundle: Bundle = {}): BuiltScript[] {
  const found = new Set(entry ? [entry] : [])
  for (const { imports } of found) {
    for (const name of imports) {
      const imported = bundle[name]
      if (imported?.type === 'chunk') found.add(imported)
    }
  }
  return [...found]
}

/** The URL by which the scripts of a page fetch the compiled code; undefined if they have none, or if it is known at run time only. */
async function compiledCode(
  { base, experimental: { renderBuiltUrl } }: ViteConfig,
  page: string,
  chunks: readonly BuiltScript[],
  bundle: Bundle = {},
): Promise<string | undefined> {
  const content = await readFile(new URL('../pkg/guestpass_sdk_bg.wasm', import.meta.url))
  // Whatever its name is: a name depends on options of the build.
  const isCode = (name: string) => {
    const file = bundle[name]
    return file?.type === 'asset' && content.equals(Buffer.from(file.source as Uint8Array))
  }
  const owner = chunks.find(({ viteMetadata }) => [...(viteMetadata?.importedAssets ?? [])].some(isCode))
  const file = [...(owner?.viteMetadata?.importedAssets ?? [])].find(isCode)
  const [entry] = chunks
  if (!owner || !file || !entry) return

  /** The URL of a file in another one, as Vite writes it. `from` is the file of which the URL is the base. */
  const url = (name: string, hostId: string, hostType: 'js' | 'html', from = hostId) => {
    const chosen = renderBuiltUrl?.(name, { hostId, hostType, type: 'asset', ssr: false })
    if (chosen && typeof chosen === 'string') return chosen
    const { runtime, relative = !base || base === './' } = typeof chosen === 'object' ? chosen : {}
    if (!runtime) return relative ? posix.relative(posix.dirname(from), name) : base + name
  }
  const script = url(entry.fileName, page, 'html')
  const target = url(file, owner.fileName, 'js', entry.fileName)
  if (!script || !target) return
  // As `new URL(target, import.meta.url)` in the script.
  if (URL.canParse(script)) return new URL(target, script).href
  return target.startsWith('/') || URL.canParse(target) ? target : posix.join(posix.dirname(script), target)
}

/** The start of a page up to the declaration of its encoding, which browsers look for in the first 1,024 bytes, if no script is before it. */
const ENCODING = /^(?:<!--[\s\S]*?-->|(?!<!--|<script|<\/head)[\s\S])*?<meta\s[^>]*charset[^>]*>/i

/** The page with the early login before any other script, and with the preload. */
function insert(html: string, script: string | undefined, href: string | undefined) {
  const tags: HtmlElement[] = []
  if (href) {
    const attrs = { rel: 'preload', as: 'fetch', type: 'application/wasm', crossorigin: true, href }
    tags.push({ tag: 'link', attrs, injectTo: 'head' })
  }
  if (!script) return { html, tags }
  const [start = ''] = ENCODING.exec(html) ?? []
  if (start) return { html: `${start}\n    <script>${script}</script>${html.slice(start.length)}`, tags }
  tags.push({ tag: 'script', children: script, injectTo: 'head-prepend' })
  return { html, tags }
}
