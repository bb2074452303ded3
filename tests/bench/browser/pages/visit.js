/** Sends one request, and defines `responded` and `storm`. */
export function visit(items) {
  /** The time of the response, in milliseconds from the start of the navigation. */
  globalThis.responded = items().then(() => performance.now())
  // Sends concurrent requests at the time `start`, the same in each tab. `stormed` becomes the number of successful requests.
  globalThis.storm = (start, calls) => {
    setTimeout(async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: calls }, items))
      globalThis.stormed = outcomes.filter(({ status }) => status === 'fulfilled').length
    }, start - Date.now())
  }
}
