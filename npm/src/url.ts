/** Parses a URL; undefined if it is not one. `URL.canParse` and `URL.parse` exist only since Safari 17 and 18. */
export function parseUrl(url: unknown, base?: string): URL | undefined {
  try {
    return new URL(url as string, base)
  } catch {}
}
