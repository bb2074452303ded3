/** Sends one request, records the time of the response, and defines `storm`. */
export async function visit(items) {
  await items()
  globalThis.respondedAt = performance.now()
  // Sends concurrent requests at the time `start`, the same in each tab. `stormed` becomes the number of successful requests.
  globalThis.storm = (start, calls) => {
    setTimeout(async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: calls }, items))
      globalThis.stormed = outcomes.filter(({ status }) => status === 'fulfilled').length
    }, start - Date.now())
  }
}
