// Solves a proof of work: a challenge of ALTCHA, version 2, with the algorithm PBKDF2/SHA-256. It runs in a worker (proof-worker.ts),
// or between other work on the same thread (challenge.ts).

import { attempt, imports, setExports } from '../pkg/guestpass_proof.js'
import { base64 } from '../pkg/guestpass_proof_inline.js'

/** The parameters of a challenge. The texts are hexadecimal digits. */
export interface ProofParameters {
  readonly algorithm: string
  readonly nonce: string
  readonly salt: string
  readonly cost: number
  readonly keyLength: number
  readonly keyPrefix: string
}

/** The counter of the successful attempt, and the key that was derived from it. */
export interface ProofSolution {
  readonly counter: number
  readonly derivedKey: string
}

/** How long the thread is busy until it handles other events, in milliseconds: less than the time of a frame. */
const SLICE = 12
/** The least time between two reports, in milliseconds. */
const REPORT_INTERVAL = 250

/** Rejects with the reason of `signal` when that is aborted. */
export async function solveProof(
  parameters: ProofParameters,
  onProgress: (attempts: number) => void,
  signal?: AbortSignal,
): Promise<ProofSolution> {
  const derive = await deriver(parameters)
  let slice = performance.now()
  let report = slice
  for (let counter = 0; ; counter++) {
    const key = await derive(counter)
    if (key) return { counter, derivedKey: hex(key) }
    const now = performance.now()
    if (now - slice < SLICE) continue
    await pause()
    signal?.throwIfAborted()
    slice = performance.now()
    if (now - report < REPORT_INTERVAL) continue
    report = now
    onProgress(counter + 1)
  }
}

/** Returns the derived key if the counter solves the challenge. */
type Derive = (counter: number) => Uint8Array | undefined | Promise<Uint8Array | undefined>

/** Chooses the faster way: WebCrypto uses instructions that only some processors have. */
async function deriver(parameters: ProofParameters): Promise<Derive> {
  let fastest: Derive | undefined
  let shortest = Number.POSITIVE_INFINITY
  for (const derive of [await compiled(parameters), webCrypto(parameters)]) {
    // The first call of compiled code is slower than the others.
    await derive?.(0)
    const start = performance.now()
    await derive?.(1)
    const time = performance.now() - start
    if (derive && time < shortest) [fastest, shortest] = [derive, time]
  }
  if (!fastest) throw new Error('this environment has neither WebAssembly nor WebCrypto')
  return fastest
}

async function compiled({ nonce, salt, cost, keyLength, keyPrefix }: ProofParameters): Promise<Derive | undefined> {
  try {
    await instantiateOnce()
  } catch {
    return
  }
  const [nonceBytes, saltBytes, prefix] = [bytes(nonce), bytes(salt), bytes(keyPrefix)]
  return (counter) => attempt(nonceBytes, saltBytes, cost, keyLength, prefix, counter)
}

/** Pages without TLS have no WebCrypto. */
function webCrypto({ nonce, salt, cost, keyLength, keyPrefix }: ProofParameters): Derive | undefined {
  const { subtle } = globalThis.crypto
  if (!subtle) return
  const algorithm = { name: 'PBKDF2', hash: 'SHA-256', salt: bytes(salt), iterations: cost }
  const prefix = bytes(keyPrefix)
  const password = bytes(`${nonce}00000000`)
  const counterAtEnd = new DataView(password.buffer, password.length - 4)
  return async (counter) => {
    counterAtEnd.setUint32(0, counter)
    const secret = await subtle.importKey('raw', password, 'PBKDF2', false, ['deriveBits'])
    const key = new Uint8Array(await subtle.deriveBits(algorithm, secret, keyLength * 8))
    return prefix.every((byte, index) => byte === key[index]) ? key : undefined
  }
}

let instantiated: Promise<void> | undefined

/** The glue keeps the memory of the first instance. */
function instantiateOnce(): Promise<void> {
  instantiated ??= (async () => {
    const code = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
    const { instance } = await WebAssembly.instantiate(code, imports)
    setExports(instance.exports)
  })()
  return instantiated
}

/** Lets the thread handle other events. Unlike timers, messages are not delayed in a page that is not visible. */
function pause(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => {
      port1.close()
      resolve()
    }
    port2.postMessage(null)
  })
}

function bytes(digits: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
