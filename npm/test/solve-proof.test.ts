// The solver of a proof of work: the compiled code or WebCrypto.

import { pbkdf2Sync } from 'node:crypto'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import type { ProofParameters } from '../src/solve-proof.js'

const CHALLENGE: ProofParameters = {
  algorithm: 'PBKDF2/SHA-256',
  nonce: '000102030405060708090a0b0c0d0e0f',
  salt: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
  cost: 10,
  keyLength: 32,
  keyPrefix: '0a',
}

/** The same by the OpenSSL of Node. */
function solution({ nonce, salt, cost, keyLength, keyPrefix }: ProofParameters) {
  for (let counter = 0; ; counter++) {
    const password = Buffer.concat([Buffer.from(nonce, 'hex'), Buffer.alloc(4)])
    password.writeUInt32BE(counter, password.length - 4)
    const derivedKey = pbkdf2Sync(password, Buffer.from(salt, 'hex'), cost, keyLength, 'sha256').toString('hex')
    if (derivedKey.startsWith(keyPrefix)) return { counter, derivedKey }
  }
}

let solveProof: typeof import('../src/solve-proof.js').solveProof

beforeEach(async () => {
  // Without the compiled code of the test before.
  vi.resetModules()
  ;({ solveProof } = await import('../src/solve-proof.js'))
})

afterEach(() => vi.unstubAllGlobals())

test.each([
  ['the compiled code', () => vi.stubGlobal('crypto', {})],
  ['WebCrypto', () => vi.stubGlobal('WebAssembly', undefined)],
  ['the faster of the two', () => {}],
])('%s finds the first solution', async (_, prepare) => {
  prepare()
  for (const parameters of [CHALLENGE, { ...CHALLENGE, keyLength: 48, cost: 1 }, { ...CHALLENGE, keyPrefix: '' }]) {
    expect(await solveProof(parameters, () => {})).toEqual(solution(parameters))
  }
})

test.each([
  ['the compiled code', () => vi.stubGlobal('crypto', {})],
  ['WebCrypto', () => vi.stubGlobal('WebAssembly', undefined)],
])('%s lets the thread handle other events, reports its progress, and stops', async (_, prepare) => {
  prepare()
  const controller = new AbortController()
  const reports: number[] = []
  let timers = 0
  const timer = setInterval(() => timers++, 1)
  const onProgress = (attempts: number) => {
    reports.push(attempts)
    if (reports.length === 2) controller.abort(new Error('enough'))
  }

  const solved = solveProof({ ...CHALLENGE, keyPrefix: '00'.repeat(32) }, onProgress, controller.signal)

  await expect(solved).rejects.toThrow('enough')
  clearInterval(timer)
  expect(timers).toBeGreaterThan(2)
  const [first = 0, second = 0] = reports
  expect(first).toBeGreaterThan(0)
  expect(second).toBeGreaterThan(first)
})

test('without compiled code and without WebCrypto, the error says so', async () => {
  vi.stubGlobal('WebAssembly', undefined)
  vi.stubGlobal('crypto', {})

  await expect(solveProof(CHALLENGE, () => {})).rejects.toThrow('neither WebAssembly nor WebCrypto')
})
