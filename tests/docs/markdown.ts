// Reads Markdown files.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** A fenced block of code. */
export interface Block {
  readonly language: string
  readonly code: string
}

/** The structure of a Markdown file, without its prose. */
export interface Structure {
  /** The level of each heading. */
  readonly headings: readonly number[]
  readonly blocks: readonly Block[]
  /** The targets of links and images. */
  readonly links: readonly string[]
  /** The number of cells of each row of a table. */
  readonly rows: readonly number[]
  /** The number of items of all lists. */
  readonly items: number
  /** The texts that are marked as code within the prose. */
  readonly words: readonly string[]
}

export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

export function structureOf(markdown: string): Structure {
  const blocks = [...markdown.matchAll(/^```(\w*).*\n([\s\S]*?)^```$/gm)].map(([, language = '', code = '']) => ({
    language,
    code,
  }))
  const prose = markdown.replace(/^```[\s\S]*?^```$/gm, '')
  const lines = prose.split('\n')
  return {
    headings: lines.flatMap((line) => /^(#+) /.exec(line)?.[1]?.length ?? []),
    blocks,
    links: [...prose.matchAll(/\]\((\S+?)\)/g)].map(([, target = '']) => target),
    rows: lines.filter((line) => line.startsWith('|')).map((line) => line.split('|').length - 2),
    items: lines.filter((line) => /^\s*(-|\d+\.) /.test(line)).length,
    words: [...prose.matchAll(/`([^`\n]+)`/g)].map(([, word = '']) => word),
  }
}
