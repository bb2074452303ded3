import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { read, root, structureOf } from './markdown.ts'

const files = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...['sdk/session/README.md', 'examples/yew-shop/README.md'],
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

test.each(files)('the links of %s lead to files that are there', (file) => {
  const inside = structureOf(read(file)).links.filter((link) => !/^(https?:|#)/.test(link))
  const missing = inside.filter((link) => !existsSync(join(root, dirname(file), link.replace(/#.*/, ''))))

  expect(missing).toEqual([])
})
