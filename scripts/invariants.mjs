// Writes, in docs/invariants.md, the list of tests below each invariant: the tests whose names carry its number.
// The headings and sentences of that file are written by hand and stay as they are.
//
//   node scripts/invariants.mjs            rewrites the lists
//   node scripts/invariants.mjs --check    fails when a list is not up to date, or when an invariant has no test

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = 'docs/invariants.md'
const HEADING = /^### ([CS]\d+)$/m

const document = readFileSync(FILE, 'utf8')
const sections = document.split(/^(?=##)/m)
const numbers = sections.flatMap((section) => HEADING.exec(section)?.[1] ?? [])
const tests = testsByInvariant()
const updated = sections.map(withTests).join('')

if (process.argv.includes('--check')) {
  const unknown = [...tests.keys()].filter((number) => !numbers.includes(number))
  if (unknown.length > 0) fail(`tests name invariants that ${FILE} does not have: ${unknown.join(', ')}`)
  const untested = numbers.filter((number) => !tests.has(number))
  if (untested.length > 0) fail(`invariants without a test: ${untested.join(', ')}`)
  if (updated !== document) fail(`the lists in ${FILE} are not up to date; run: node scripts/invariants.mjs`)
} else {
  writeFileSync(FILE, updated)
}

/** The section of an invariant with its tests; any other section as it is. */
function withTests(section, index) {
  const number = HEADING.exec(section)?.[1]
  if (number === undefined) return section
  const statement = section.replace(/^- .*\n/gm, '').trim()
  const list = [...(tests.get(number) ?? new Map())].map(([file, names]) => `- ${file}: ${names.join('; ')}`)
  const end = index === sections.length - 1 ? '\n' : '\n\n'
  return [statement, ...(list.length > 0 ? ['', ...list] : [])].join('\n') + end
}

/** Invariant → file → names of tests. */
function testsByInvariant() {
  const found = new Map()
  const add = (number, file, name) => {
    const files = found.get(number) ?? new Map()
    files.set(file, [...(files.get(file) ?? []), name])
    found.set(number, files)
  }
  for (const file of trackedTests()) {
    const text = readFileSync(file, 'utf8')
    if (file.endsWith('.rs')) {
      for (const [, letter, number, name] of text.matchAll(/fn ([cs])(\d\d)_(\w+)/g)) {
        add(`${letter.toUpperCase()}${Number(number)}`, file, name.replaceAll('_', ' '))
      }
    } else {
      for (const [, numbers, name] of text.matchAll(
        /(?:test|it|describe)[.\w]*\(\s*[`'"]((?:[CS]\d+[,:]? )+)(.*?)[`'"],/g,
      )) {
        for (const [number] of numbers.matchAll(/[CS]\d+/g)) add(number, file, name)
      }
    }
    if (file.endsWith('tests/model/checks.rs')) {
      for (const [number] of text.match(/PROPERTIES[^;]*;/)[0].matchAll(/[CS]\d+/g))
        add(number, file, 'every interleaving')
    }
  }
  return found
}

/** Only files that git tracks: what is not committed or staged is not listed. */
function trackedTests() {
  const files = execFileSync('git', ['ls-files', '-z', '*.rs', '*.test.ts', '*.test.tsx'], { encoding: 'utf8' })
  return files.split('\0').filter(Boolean).sort()
}

function fail(message) {
  console.error(`error: ${message}`)
  process.exit(1)
}
