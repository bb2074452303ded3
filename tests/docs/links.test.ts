// Links in Markdown files.

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { globSync } from 'tinyglobby'
import { expect, test } from 'vitest'
import { read, root, structureOf } from './markdown.ts'

const files = [
  ...globSync(
    ['*.md', 'docs/**/*.md', '{examples,tests}/README.md', '{examples,sdk,server}/*/README.md', 'server/README.md'],
    {
      cwd: root,
    },
  ),
]

test.each(files)('each link of %s leads to an existing file', (file) => {
  const inside = structureOf(read(file)).links.filter((link) => !/^(https?:|#)/.test(link))
  const missing = inside.filter((link) => !existsSync(join(root, dirname(file), link.replace(/#.*/, ''))))

  expect(missing).toEqual([])
})
