// How the limits hold against three attacks, and what honest clients notice. Bounded: each attack sends a fixed number of
// requests over loopback. docs/decisions/limits.md has the figures.
//
//   node tests/bench/attacks.mjs [PROGRAM]      PROGRAM is `guestpass`; target/release/guestpass by default

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as pause } from 'node:timers/promises'

const PROGRAM = process.argv[2] ?? 'target/release/guestpass'
const VISITOR = '203.0.113.7'
const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** Runs `attack` against a new server. The server trusts `X-Forwarded-For`, so each request can have another address. */
async function withServer(flags, attack) {
  const folder = mkdtempSync(join(tmpdir(), 'guestpass-attacks-'))
  const serve = ['serve', '--listen', '127.0.0.1:0', '--store', `sqlite:${join(folder, 'guestpass.db')}`]
  const server = spawn(PROGRAM, [...serve, '--trusted-proxy', '127.0.0.1', '--log', 'error', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = await once(createInterface({ input: server.stdout }), 'line')
    await attack(Number(line.split(':').at(-1)))
  } finally {
    agent.destroy()
    server.kill('SIGTERM')
    await once(server, 'exit')
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Sends a POST request from the address `from`; resolves to the status and the JSON of the response. */
function post(port, path, from, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(
      { port, host: '127.0.0.1', path, method: 'POST', agent, headers: { 'x-forwarded-for': from, ...headers } },
      async (response) => {
        let text = ''
        for await (const part of response.setEncoding('utf8')) text += part
        resolve({ status: response.statusCode, json: text ? JSON.parse(text) : undefined })
      },
    )
    sent.on('error', reject).end(body)
  })
}

const JSON_BODY = { 'content-type': 'application/json' }
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }

const logIn = async (port, from) => (await post(port, '/anonymous-login', from, '{"refresh":true}', JSON_BODY)).json

const refresh = (port, from, token, headers) =>
  post(port, '/token', from, `grant_type=refresh_token&refresh_token=${token}`, { ...FORM, ...headers })

/** A request of an account, authorized by `token`. */
function account(port, path, from, token, password) {
  const email = path === '/login' || from === VISITOR ? 'ada@example.com' : `${Math.random()}@example.com`
  const headers = { ...JSON_BODY, authorization: `Bearer ${token}` }
  return post(port, path, from, JSON.stringify({ email, password }), headers)
}

/** The token that authorizes account requests: the access token in older versions, the refresh token in newer ones. */
async function accountToken(port) {
  const { refresh_token } = await logIn(port, '192.0.2.1')
  const headers = { authorization: `Bearer ${refresh_token}` }
  const { status } = await post(port, '/register/options', '192.0.2.1', undefined, headers)
  return (guest) => (status === 401 ? guest.access_token : guest.refresh_token)
}

/** Sends `count` requests, `parallel` at a time; returns the number of each status and the seconds. */
async function flood(count, parallel, send) {
  const statuses = {}
  const start = performance.now()
  let next = 0
  const worker = async () => {
    while (next < count) {
      const { status } = await send(next++)
      statuses[status] = (statuses[status] ?? 0) + 1
    }
  }
  await Promise.all(Array.from({ length: parallel }, worker))
  return { statuses: JSON.stringify(statuses), seconds: secondsSince(start) }
}

const secondsSince = (start) => ((performance.now() - start) / 1000).toFixed(2)

await withServer([], async (port) => {
  const guest = await logIn(port, VISITOR)
  const page = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }
  for (const [name, headers] of [
    ['a foreign page', page],
    ['a client that is no browser', {}],
  ]) {
    const { statuses, seconds } = await flood(3700, 32, () => refresh(port, VISITOR, 'gpr_x', headers))
    console.log(`3,700 garbage refreshes by ${name}: ${statuses} in ${seconds} s`)
  }
  const valid = await refresh(port, VISITOR, guest.refresh_token)
  console.log(`  then a valid refresh from the same address: ${valid.status}`)
})

await withServer(['--login-rate', 'off'], async (port) => {
  const password = '4@8({[<3691!7|10$5+2%'.repeat(5).slice(0, 100)
  const right = 'correct horse battery staple'
  const tokenOf = await accountToken(port)
  const tokens = (await Promise.all(Array.from({ length: 62 }, () => logIn(port, VISITOR)))).map(tokenOf)
  const [member, owner, ...attackers] = tokens
  await account(port, '/register', VISITOR, member, right)
  const attack = flood(60, 60, (number) => account(port, '/register', '198.51.100.1', attackers[number], password))
  await pause(300)
  const start = performance.now()
  const login = await account(port, '/login', VISITOR, owner, right)
  console.log(`an honest login behind 60 registrations: ${login.status} in ${secondsSince(start)} s`)
  const { statuses, seconds } = await attack
  console.log(`  60 registrations with a password of look-alikes: ${statuses} in ${seconds} s`)
})

await withServer([], async (port) => {
  const address = (number) => `2001:db8:1:${(number * 13).toString(16)}::1`
  const { statuses, seconds } = await flood(4000, 32, (number) =>
    post(port, '/anonymous-login', address(number), '{"refresh":true}', JSON_BODY),
  )
  console.log(`4,000 logins from 4,000 networks of one IPv6 /48: ${statuses} in ${seconds} s`)
  const honest = await post(port, '/anonymous-login', '2001:db8:2::1', '{"refresh":true}', JSON_BODY)
  console.log(`  then a login from another network: ${honest.status}`)
})
