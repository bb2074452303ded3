// Describes the machine and the versions of a bench.

import { execFileSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'

/** One line with processors, memory, kernel and versions. */
export function machine(python = 'python3') {
  const gigabytes = Math.round(totalmem() / 2 ** 30)
  const packages =
    "import importlib.metadata as m; print(*(f'{p} {m.version(p)}' for p in ('fastapi','uvicorn','python-jose')), sep=', ')"
  return [
    `${cpus().length} × ${cpus()[0].model}, ${gigabytes} GB`,
    `Linux ${release()}`,
    first('rustc', '--version'),
    first('wrk', '-v').split(' [')[0],
    first(python, '--version'),
    first(python, '-c', packages),
  ].join('; ')
}

function first(program, ...args) {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).split('\n')[0]
  } catch (error) {
    // wrk prints its version, and exits with an error.
    return String(error.stdout || error.message).split('\n')[0]
  }
}
