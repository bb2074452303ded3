// Measures contenders in turn (A B C A B C …), so that a slow phase of the machine affects all of them.

/**
 * Runs each contender once per round, after a first round that does not count.
 *
 * @param contenders `{ name: () => Promise<figures> }`
 * @returns `{ name: figures[] }`, with one element for each round
 */
export async function inTurn(contenders, rounds) {
  const all = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]))
  for (let round = -1; round < rounds; round++) {
    for (const [name, contend] of Object.entries(contenders)) {
      const figures = await contend()
      if (round >= 0) all[name].push(figures)
    }
  }
  return all
}

/** The median of one figure over the rounds. */
export function medianOf(rounds, figure) {
  return median(rounds.map((round) => round[figure]))
}

/** The median, least and greatest ratio of a figure of two contenders, round by round. */
export function ratioOf(one, other, figure = 'rate') {
  const ratios = one.map((round, number) => round[figure] / other[number][figure])
  return { median: median(ratios), least: Math.min(...ratios), greatest: Math.max(...ratios) }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
