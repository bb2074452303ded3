/** After so many sessions, the event loop gets a turn: finalizers run there. */
const TURN = 50

/**
 * Makes sessions one after another. Each acquires a guest and sends a request. Then it is closed or, with `drop`, left to the
 * garbage collector.
 */
export async function manySessions(createSession, count, drop) {
  for (let made = 1; made <= count; made++) {
    const session = createSession({ baseUrl: 'https://api.example', storage: 'memory' })
    const response = await session.fetch('/items/')
    const { id } = await response.json()
    if (id !== 7) throw new Error('unexpected response')
    if (!drop) session.close()
    if (made % TURN === 0) await new Promise((resolve) => setTimeout(resolve))
  }
}
