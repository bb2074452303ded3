/** How often the event loop gets a turn, in which what was collected is given back. */
const TURN = 50

/**
 * Makes sessions one after another, and has each acquire a guest and send a request. Each is then closed; or, with `drop`,
 * only no longer held.
 */
export async function manySessions(createSession, count, drop) {
  for (let made = 1; made <= count; made++) {
    const session = createSession({ baseUrl: 'https://api.example', storage: 'memory' })
    const response = await session.fetch('/items/')
    const { id } = await response.json()
    if (id !== 7) throw new Error('not the answer')
    if (!drop) session.close()
    if (made % TURN === 0) await new Promise((resolve) => setTimeout(resolve))
  }
}
