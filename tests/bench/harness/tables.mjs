// Prints the results as Markdown.

import { medianOf, ratioOf } from './rounds.mjs'

export function say(line) {
  console.log(line)
}

export function heading(text) {
  console.log(`\n## ${text}`)
}

export function printTable(head, rows) {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(3, ...all.map((row) => row[column].length)))
  const line = (cells) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join(' | ')} |`
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`))
  console.log(['', line(head), line(rule), ...rows.map(line)].join('\n'))
}

/** Prints a table with one line for each contender. */
export function printRates(how, contenders) {
  const rows = Object.entries(contenders).map(([name, rounds]) => [
    name,
    Math.round(medianOf(rounds, 'rate')).toLocaleString('en'),
    medianOf(rounds, 'p50').toFixed(2),
    medianOf(rounds, 'p99').toFixed(2),
    medianOf(rounds, 'cpu').toFixed(1),
  ])
  printTable([how, 'requests/s', 'p50 ms', 'p99 ms', 'server CPU µs/request'], rows)
  console.log('')
}

/** Prints the ratio of a figure of two contenders over the rounds, and whether it reaches the goal, if given. */
export function printRatio(what, one, other, goal, figure = 'rate') {
  const { median, least, greatest } = ratioOf(one, other, figure)
  const spread = `${least.toFixed(2)} to ${greatest.toFixed(2)}`
  const verdict = goal === undefined ? '' : `; goal at least ${goal}: ${median >= goal ? 'met' : 'MISSED'}`
  console.log(`- ${what}: **${median.toFixed(2)}** (${spread})${verdict}`)
}
