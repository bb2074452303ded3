// Makes guests, and writes their tokens to files that wrk reads.

import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { CONNECTIONS } from './load.mjs'

/** Writes a file with one token per line. Returns its path. */
export function tokenFile(folder, name, tokens) {
  const path = join(folder, `${name}.tokens`)
  writeFileSync(path, tokens.map((token) => `${token}\n`).join(''))
  return path
}

/** Access tokens of `count` new guests. */
export async function logIn(server, count) {
  const responses = await manyAtOnce(Array(count), (agent) => post(agent, `${server.url}/anonymous-login`))
  return responses.map((response) => response.access_token)
}

/** Refresh tokens of `count` new guests. */
export async function logInToRefresh(server, count) {
  const responses = await manyAtOnce(Array(count), (agent) => {
    return post(agent, `${server.url}/anonymous-login`, 'application/json', '{"refresh":true}')
  })
  return responses.map((response) => response.refresh_token)
}

/** New access tokens for refresh tokens. */
export async function refresh(server, refreshTokens) {
  const responses = await manyAtOnce(refreshTokens, (agent, token) => {
    const form = `grant_type=refresh_token&refresh_token=${token}`
    return post(agent, `${server.url}/token`, 'application/x-www-form-urlencoded', form)
  })
  return responses.map((response) => response.access_token)
}

async function manyAtOnce(inputs, send) {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const responses = await Promise.all(Array.from(inputs, (input) => send(agent, input)))
  agent.destroy()
  return responses
}

function post(agent, url, type, form = '') {
  const headers = { 'content-length': form.length, ...(type && { 'content-type': type }) }
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: 'POST', agent, headers }, async (response) => {
      let body = ''
      for await (const text of response.setEncoding('utf8')) body += text
      if (response.statusCode !== 200) reject(new Error(`${url} responded with ${response.statusCode}: ${body}`))
      else resolve(JSON.parse(body))
    })
    outgoing.once('error', reject)
    outgoing.end(form)
  })
}
