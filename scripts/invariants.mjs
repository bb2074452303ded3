// Lists, in ARCHITECTURE.md, the tests of every invariant: those whose name carries its number.
//
//   node scripts/invariants.mjs            rewrites the list
//   node scripts/invariants.mjs --check    fails when the list is not up to date, or an invariant has no test

import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = 'ARCHITECTURE.md'
const START = '<!-- invariants: node scripts/invariants.mjs writes what follows -->'
const END = '<!-- end of invariants -->'
const UNTESTED = 'Not built yet.'

const document = readFileSync(FILE, 'utf8')
const [before, rest] = split(document, START)
const [list, after] = split(rest, END)

const tests = testsByInvariant()
const entries = list
  .split(/^(?=\*\*[CS]\d+\*\*)/m)
  .slice(1)
  .map(entry)
const updated = `${before}${START}\n\n${entries.map(({ text }) => text).join('\n')}\n${END}${after}`

if (process.argv.includes('--check')) {
  const known = new Set(entries.map(({ number }) => number))
  const stray = [...tests.keys()].filter((number) => !known.has(number))
  if (stray.length > 0) fail(`tests name invariants that ${FILE} does not have: ${stray.join(', ')}`)
  const untested = entries.filter(({ text }) => text.includes('\n- none')).map(({ number }) => number)
  if (untested.length > 0) fail(`invariants without a test: ${untested.join(', ')}`)
  if (updated !== document) fail(`the list of tests in ${FILE} is old; run: node scripts/invariants.mjs`)
} else {
  writeFileSync(FILE, updated)
}

/** The statement of an invariant, which is written by hand, with the list of its tests, which is not. */
function entry(old) {
  const [statement] = old.split('\n')
  const number = statement.match(/[CS]\d+/)[0]
  const files = [...(tests.get(number) ?? new Map())].map(([file, names]) => `- ${file}: ${names.join('; ')}\n`)
  if (files.length === 0 && !statement.endsWith(UNTESTED)) files.push('- none\n')
  return { number, text: `${statement}\n${files.length > 0 ? '\n' : ''}${files.join('')}` }
}

/** Invariant → file → names of tests. */
function testsByInvariant() {
  const found = new Map()
  const add = (number, file, name) => {
    const files = found.get(number) ?? new Map()
    files.set(file, [...(files.get(file) ?? []), name])
    found.set(number, files)
  }
  for (const file of tracked()) {
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

function tracked() {
  const files = execFileSync('git', ['ls-files', '-z', '*.rs', '*.test.ts', '*.test.tsx'], { encoding: 'utf8' })
  return files.split('\0').filter(Boolean).sort()
}

function split(text, at) {
  const index = text.indexOf(at)
  if (index < 0) fail(`${FILE} has no line ${at}`)
  return [text.slice(0, index), text.slice(index + at.length)]
}

function fail(message) {
  console.error(`error: ${message}`)
  process.exit(1)
}
