import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { search } from '../src/catalogue'
import { euroCents } from '../src/format'
import { en } from '../src/i18n/en'
import { zh } from '../src/i18n/zh'
import { originOf } from '../src/lab/merge'
import { keyOf } from '../src/searches'
import { merged } from '../src/visitor-data'
import { bread, tea } from './shop-fixture'

const textOf = ({ name, description }: typeof tea) => `${name} ${description}`

const root = join(import.meta.dirname, '../..')

test('a search finds items with every word, ignoring case and accents', () => {
  const found = (words: string) => search([tea, bread], words, textOf).map(({ id }) => id)

  expect(found('')).toEqual(['1', '2'])
  expect(found('BLACK tea')).toEqual(['1'])
  expect(found('tea morning')).toEqual([])
  expect(found('páin')).toEqual(['2'])
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

test('every item of the sample catalogue has a picture among the files of the demo, and a Chinese name', () => {
  const { items } = JSON.parse(readFileSync(join(root, 'server/src/catalogue/sample.json'), 'utf8')) as {
    items: readonly { name: string; picture: string }[]
  }

  expect(items).toHaveLength(12)
  for (const { picture } of items) expect(existsSync(join(root, 'demo-react/public', picture)), picture).toBe(true)
  expect(Object.keys(zh.goods)).toEqual(items.map(({ name }) => name))
})

test('equal searches have equal keys', () => {
  expect(keyOf(' Café  NOIR ')).toBe(keyOf('cafe noir'))
  expect(keyOf('cafe')).not.toBe(keyOf('cafe noir'))
  expect(new TextEncoder().encode(keyOf('한'.repeat(60))).length).toBeLessThanOrEqual(512)
})

test('each line of a merged cart has its origin', () => {
  const carts = {
    account: [
      { item: '1', quantity: 2, note: 'gift' },
      { item: '2', quantity: 1 },
    ],
    guest: [
      { item: '1', quantity: 1, note: 'no gift' },
      { item: '3', quantity: 4 },
    ],
  }
  const origin = (item: string) => originOf({ item, quantity: 1 }, carts)

  expect(origin('1')).toEqual({ from: 'both', quantities: [2, 1], notes: true })
  expect(origin('2')).toEqual({ from: 'account', notes: false })
  expect(origin('3')).toEqual({ from: 'guest', notes: false })
})

test('a price is converted from the currency of its item; an item without a known price has none', () => {
  expect(euroCents(tea)).toBe(500)
  expect(euroCents({ ...tea, currency: 'CNY', price_cents: 780 })).toBeCloseTo(100)
  expect(euroCents({ ...tea, currency: 'XAU' })).toBeNull()
})
