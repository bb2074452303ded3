import { expect, test } from 'vitest'
import { search } from '../src/catalogue'
import { en } from '../src/i18n/en'
import { zh } from '../src/i18n/zh'
import { drawings } from '../src/pictures/drawings'
import { merged } from '../src/visitor-data'
import { tea } from './shop-fixture'

const bread = { ...tea, id: 2, name: 'Pain au levain', description: 'Baked this morning' }
const textOf = ({ name, description }: typeof tea) => `${name} ${description}`

test('a search finds items with every word, ignoring case and accents', () => {
  const found = (words: string) => search([tea, bread], words, textOf).map(({ id }) => id)

  expect(found('')).toEqual([1, 2])
  expect(found('BLACK tea')).toEqual([1])
  expect(found('tea morning')).toEqual([])
  expect(found('páin')).toEqual([2])
})

test('null in a patch removes a preference', () => {
  expect(merged({ language: 'zh', theme: 'dark' }, { theme: null, currency: 'USD' })).toEqual({
    language: 'zh',
    currency: 'USD',
  })
})

test('the texts of both languages have the same placeholders', () => {
  const placeholders = (words: unknown): unknown =>
    typeof words === 'string'
      ? [...words.matchAll(/\{\{(\w+)\}\}/g)].map(([, name]) => name).sort()
      : Object.fromEntries(Object.entries(words as object).map(([key, value]) => [key, placeholders(value)]))
  const { goods: _, ...words } = zh
  const { goods: __, ...english } = en

  expect(placeholders(words)).toEqual(placeholders(english))
})

test('every item of the shop has a drawing and a Chinese name', () => {
  const items = Array.from({ length: 12 }, (_, index) => String(index + 1))

  expect(Object.keys(drawings)).toEqual(items)
  expect(Object.keys(zh.goods)).toEqual(items)
})
