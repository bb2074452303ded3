// The memory of a Node process that makes sessions, and closes or drops them. Prints a JSON array: bytes in use before, and after
// each tenth of the sessions. run.mjs runs it:
//
//   node --expose-gc tests/bench/browser/sessions_in_node.mjs COUNT closed|dropped

import './pages/stub.js'
import { setTimeout } from 'node:timers/promises'
import { createSession } from '../../../npm/dist/index.node.js'
import { manySessions } from './pages/many_sessions.js'

const [count, how] = process.argv.slice(2)
const tenth = Number(count) / 10

async function inUse() {
  // Finalizers run in a later turn of the event loop.
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc()
    await setTimeout(1)
  }
  return { script: process.memoryUsage().heapUsed, wasm: globalThis.wasmMemory.buffer.byteLength }
}

await manySessions(createSession, tenth, how === 'dropped')
const readings = [await inUse()]
for (let part = 0; part < 10; part++) {
  await manySessions(createSession, tenth, how === 'dropped')
  readings.push(await inUse())
}
console.log(JSON.stringify(readings))
