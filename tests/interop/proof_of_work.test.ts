// The challenge of the server is solved by the library of ALTCHA.

import { type Challenge, solveChallenge } from 'altcha-lib'
import { deriveKey } from 'altcha-lib/algorithms/pbkdf2'
import { Server } from 'guestpass-e2e/harness/server.ts'
import { expect, test } from 'vitest'

interface Demand {
  readonly code: string
  readonly challenge: Challenge
}

test('the ALTCHA library solves the challenge of a login, and the server accepts the solution', async () => {
  await using server = await Server.start(['--login-proof', '20'])

  for (const key of [undefined, 'k_-GqFbKvQ0r8pWm2ZtYxA']) {
    const login = (proof?: string) =>
      fetch(`${server.url}/anonymous-login`, {
        method: 'POST',
        headers: { ...(key && { 'Idempotency-Key': key }), ...(proof && { 'Proof-Of-Work': proof }) },
      })

    const asked = await login()

    expect(asked.status).toBe(428)
    expect(asked.headers.get('content-type')).toBe('application/problem+json')
    const { code, challenge } = (await asked.json()) as Demand
    expect(code).toBe('proof_required')
    const solution = await solveChallenge({ challenge, deriveKey })
    const response = await login(btoa(JSON.stringify({ challenge, solution })))
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({ anonymous_id: expect.stringMatching(/^anonymous_/) })
  }
})
