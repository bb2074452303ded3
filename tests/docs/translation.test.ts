// README.zh-CN.md is the translation of README.md. Change both together.

import { expect, test } from 'vitest'
import { read, structureOf } from './markdown.ts'

const english = structureOf(read('README.md'))
const chinese = structureOf(read('README.zh-CN.md'))

/** The code of a block without its comments, which are translated. */
function codeOf(block: { readonly language: string; readonly code: string }): string {
  return `${block.language}\n${block.code.replace(/ *(\/\/|#) .*$/gm, '')}`
}

test('the translation has the same headings, tables and lists', () => {
  expect(chinese.headings).toEqual(english.headings)
  expect(chinese.rows).toEqual(english.rows)
  expect(chinese.items).toBe(english.items)
})

test('the translation has the same code', () => {
  expect(chinese.blocks.map(codeOf)).toEqual(english.blocks.map(codeOf))
})

test('the translation has the same links, except for the link to the other language', () => {
  const elsewhere = ({ links }: { readonly links: readonly string[] }) =>
    links.filter((link) => !link.startsWith('README')).toSorted()

  expect(elsewhere(chinese)).toEqual(elsewhere(english))
  expect(english.links).toContain('README.zh-CN.md')
  expect(chinese.links).toContain('README.md')
})

test('the translation has the same texts marked as code', () => {
  const named = ({ words }: { readonly words: readonly string[] }) => [...new Set(words)].sort()

  expect(named(chinese)).toEqual(named(english))
})
