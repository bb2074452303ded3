// Describes the machine and the versions of a bench in the browser.

import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'

/** One line with processors, memory, kernel, versions and the load of the machine. */
export async function machine(chromium) {
  const { version } = JSON.parse(readFileSync(new URL(import.meta.resolve('axios/package.json')), 'utf8'))
  return [
    `${cpus().length} × ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GB`,
    `Linux ${release()}`,
    await chromium.version(),
    `axios ${version}`,
    `load ${loadavg()[0].toFixed(1)} at the start`,
  ].join('; ')
}
