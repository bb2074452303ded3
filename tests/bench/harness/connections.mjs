// Many open connections to a server, from several addresses of the loopback.

import { connect } from 'node:net'

/** Below the number of connections that `guestpass serve` allows one client by default. */
const PER_ADDRESS = 900
/** How many connections are opened, or requests sent, at a time: less than the queue of the kernel holds. */
const AT_A_TIME = 200

/** Open connections. */
export class Connections {
  #sockets = []

  static async open(server, count) {
    const { hostname: host, port } = new URL(server.url)
    const connections = new Connections()
    await inGroups(Array(count).keys(), async (number) => {
      const localAddress = `127.0.0.${2 + Math.floor(number / PER_ADDRESS)}`
      connections.#sockets.push(await opened(connect({ host, port: Number(port), localAddress })))
    })
    return connections
  }

  get count() {
    return this.#sockets.length
  }

  /** Sends a GET request on each connection, with one of the tokens in turn. Returns when each has a response with status 200. */
  async get(path, tokens) {
    await inGroups(this.#sockets.entries(), ([number, socket]) => {
      const head = `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${tokens[number % tokens.length]}\r\n\r\n`
      return response(socket, head)
    })
  }

  /** The number of events that arrive on all connections within some seconds. */
  async events(seconds) {
    let events = 0
    const count = (text) => (events += text.split('\nid:').length - 1)
    for (const socket of this.#sockets) socket.on('data', count)
    await wait(seconds)
    for (const socket of this.#sockets) socket.off('data', count)
    return events
  }

  /** Closes the connections, and returns the number of those that were still open. */
  async close() {
    const open = this.#sockets.filter((socket) => !socket.closed)
    await Promise.all(open.map((socket) => new Promise((resolve) => socket.once('close', resolve).destroy())))
    return open.length
  }
}

export function wait(seconds) {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1000))
}

async function inGroups(items, run) {
  const all = [...items]
  while (all.length > 0) await Promise.all(all.splice(0, AT_A_TIME).map(run))
}

function opened(socket) {
  socket.setEncoding('latin1').setNoDelay()
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once('connect', () => {
      // The server may close it later, which `close` counts.
      socket.off('error', reject).on('error', () => {})
      resolve(socket)
    })
  })
}

/** Waits for the head of a response. Its body is short, and comes with it or is a stream. */
function response(socket, request) {
  return new Promise((resolve, reject) => {
    let received = ''
    const ended = () => reject(new Error(`a connection was closed after ${JSON.stringify(received)}`))
    const read = (text) => {
      received += text
      if (!received.includes('\r\n\r\n')) return
      socket.off('data', read).off('close', ended)
      if (received.startsWith('HTTP/1.1 200 ')) resolve()
      else reject(new Error(received))
    }
    socket.on('data', read).once('close', ended)
    socket.write(request)
  })
}
