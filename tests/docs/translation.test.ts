// README.zh-CN.md says what README.md says: whoever changes one changes the other.

import { expect, test } from 'vitest'
import { read, structureOf } from './markdown.ts'

const english = structureOf(read('README.md'))
const chinese = structureOf(read('README.zh-CN.md'))

/** Comments are translated; what they comment on is not. */
function codeOf(block: { readonly language: string; readonly code: string }): string {
  return `${block.language}\n${block.code.replace(/ *(\/\/|#) .*$/gm, '')}`
}

test('has the same headings, tables and lists', () => {
  expect(chinese.headings).toEqual(english.headings)
  expect(chinese.rows).toEqual(english.rows)
  expect(chinese.items).toBe(english.items)
})

test('has the same code', () => {
  expect(chinese.blocks.map(codeOf)).toEqual(english.blocks.map(codeOf))
})

test('leads to the same places, apart from each to the other', () => {
  const elsewhere = ({ links }: { readonly links: readonly string[] }) =>
    links.filter((link) => !link.startsWith('README')).toSorted()

  expect(elsewhere(chinese)).toEqual(elsewhere(english))
  expect(english.links).toContain('README.zh-CN.md')
  expect(chinese.links).toContain('README.md')
})

test('names the same things', () => {
  const named = ({ words }: { readonly words: readonly string[] }) => [...new Set(words)].sort()

  expect(named(chinese)).toEqual(named(english))
})
