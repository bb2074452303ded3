/** Asks once, notes when the answer was there, and gets ready for a storm. */
export async function visit(items) {
  await items()
  globalThis.answered = performance.now()
  // At one moment in every tab; `stormed` counts the good answers.
  globalThis.storm = (start, calls) => {
    setTimeout(async () => {
      const outcomes = await Promise.allSettled(Array.from({ length: calls }, items))
      globalThis.stormed = outcomes.filter(({ status }) => status === 'fulfilled').length
    }, start - Date.now())
  }
}
