// The parts of Vite's types that the plugin uses. So the package does not depend on Vite, and its plugin fits each version and each
// copy of it.

/** The part of Vite's configuration that the plugin reads. */
export interface ViteConfig {
  /** `build` or `serve`. */
  readonly command: string
  /** The public base path, a URL, or `./`. */
  readonly base: string
  /** Options of the build. */
  readonly build: { readonly ssr?: boolean | string }
  /** Options for HTML. */
  readonly html?: { readonly cspNonce?: string }
  /** Experimental options. */
  readonly experimental: {
    /** Chooses the URL of a built file. */
    renderBuiltUrl?(
      file: string,
      from: { hostId: string; hostType: 'js' | 'html'; type: 'asset'; ssr: boolean },
    ): string | { relative?: boolean | undefined; runtime?: string | undefined } | undefined
  }
  /** Prints to the console. */
  readonly logger: { info(message: string): void; warn(message: string): void }
}

/** The part of the context of a page that the plugin reads. */
export interface PageContext {
  /** The path of the page, with a slash before it. */
  readonly path: string
  /** All files of the build; undefined in development. */
  readonly bundle?: Bundle
  /** The script of the page; undefined in development. */
  readonly chunk?: BuiltScript
}

/** The files of a build by their names. */
export type Bundle = Readonly<Record<string, BuiltScript | BuiltFile>>

/** A built JavaScript file. */
export interface BuiltScript {
  /** Distinguishes the two kinds of files. */
  readonly type: 'chunk'
  /** Its path below the output folder. */
  readonly fileName: string
  /** The files that it imports statically. */
  readonly imports: readonly string[]
  /** The source files in it. */
  readonly moduleIds: readonly string[]
  /** What Vite knows about it. */
  readonly viteMetadata?: { readonly importedAssets: ReadonlySet<string> }
}

/** Another built file. */
interface BuiltFile {
  /** Distinguishes the two kinds of files. */
  readonly type: 'asset'
  /** Its path below the output folder. */
  readonly fileName: string
  /** Its content. */
  readonly source: string | Uint8Array
}

/** An element that Vite adds to a page. */
export interface HtmlElement {
  /** The name of the element. */
  tag: string
  /** Its attributes. */
  attrs?: Record<string, string | boolean>
  /** Its text. */
  children?: string
  /** Where it is added. */
  injectTo: 'head' | 'head-prepend'
}
