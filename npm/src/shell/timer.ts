/** `setTimeout` takes a signed 32-bit number; a timer that fires early is only a hint too early. */
const LONGEST = 2 ** 31 - 1

/**
 * A timer that is armed for one moment of the monotonic clock at a time; armed for what is no number, it is disarmed. One
 * `inBackground` does not keep a Node process alive.
 */
export function timerFor(fire: () => void): (at: number, inBackground: boolean) => void {
  let armed = ''
  let timer: ReturnType<typeof setTimeout> | undefined
  return (at, inBackground) => {
    const wanted = `${at} ${inBackground}`
    if (wanted === armed) return
    armed = wanted
    clearTimeout(timer)
    if (Number.isNaN(at)) return
    timer = setTimeout(
      () => {
        armed = ''
        fire()
      },
      Math.min(at - now(), LONGEST),
    )
    if (inBackground) (timer as { unref?(): void }).unref?.()
  }
}

/** The monotonic clock, in whole milliseconds. */
export function now(): number {
  return Math.floor(performance.now())
}
