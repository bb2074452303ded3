/** A clock that a test advances. */
export interface TestClock {
  /** The current time, in milliseconds since the epoch. */
  readonly now: number
  /** Advances the time. Timers fire in order, and promises settle after each timer before the next one fires. */
  advance(milliseconds: number): Promise<void>
  /** Waits until all promises have settled that do not wait for a timer. */
  settle(): Promise<void>
  /** Restores the real time. Pending timers never fire. Idempotent. */
  uninstall(): void
}

/** How many turns of the event loop `settle` waits: more than the longest chain of promises in the package. */
const TURNS = 16

/**
 * Replaces `Date`, `performance.now`, `setTimeout`, `setInterval` and their `clear…` functions until `uninstall`.
 *
 * The fake timers of Vitest, Jest or Sinon work as well, with their asynchronous methods (`advanceTimersByTimeAsync`). Do
 * not use both.
 *
 * @param start - the initial time, in milliseconds since the epoch. Default: the beginning of 2030, UTC.
 */
export function createTestClock(start: number = Date.UTC(2030, 0)): TestClock {
  const real = { Date, setTimeout, clearTimeout, setInterval, clearInterval }
  // An own property only if other code has replaced it; otherwise it is on the prototype.
  const realNow = Object.getOwnPropertyDescriptor(performance, 'now')
  const origin = performance.now()
  const timers = new Map<number, Timer>()
  let now = start
  let serial = 0
  let installed = true

  // Timers of Node are objects, and libraries call their methods. Timers of browsers are numbers.
  const probe: unknown = setTimeout(() => {}, 0)
  clearTimeout(probe as number)
  const asHandle = (id: number) => (typeof probe === 'object' ? new Handle(id) : id)

  const schedule = (run: () => void, delay: unknown, every?: number) => {
    const id = ++serial
    // As in browsers, a delay that is not a number is 0.
    timers.set(id, { run, at: now + Math.max(0, Number(delay) || 0), every })
    return asHandle(id)
  }
  const clear = (handle?: unknown) => void timers.delete(Number(handle))

  class VirtualDate extends real.Date {
    constructor(...args: unknown[]) {
      super(...((args.length ? args : [now]) as [number]))
    }
    static override now = () => now
  }
  Object.assign(globalThis, {
    Date: VirtualDate,
    setTimeout: (run: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) =>
      schedule(() => run(...args), delay),
    setInterval: (run: (...args: unknown[]) => void, delay?: number, ...args: unknown[]) =>
      schedule(() => run(...args), delay, Math.max(1, Number(delay) || 0)),
    clearTimeout: clear,
    clearInterval: clear,
  })
  Object.defineProperty(performance, 'now', { configurable: true, writable: true, value: () => origin + now - start })

  const settle = async () => {
    for (let turn = 0; turn < TURNS; turn++) await nextTurn(real.setTimeout)
  }

  return {
    get now() {
      return now
    },
    settle,
    async advance(milliseconds) {
      const end = now + milliseconds
      await settle()
      for (let due = first(timers, end); due; due = first(timers, end)) {
        const [id, timer] = due
        now = timer.at
        if (timer.every) timer.at += timer.every
        else timers.delete(id)
        timer.run()
        await settle()
      }
      now = end
      await settle()
    },
    uninstall() {
      if (!installed) return
      installed = false
      timers.clear()
      Object.assign(globalThis, real)
      if (realNow) Object.defineProperty(performance, 'now', realNow)
      else Reflect.deleteProperty(performance, 'now')
    },
  }
}

interface Timer {
  readonly run: () => void
  readonly every: number | undefined
  at: number
}

/** The object that `setTimeout` returns in Node, with the methods that libraries use. */
class Handle {
  readonly #id: number
  constructor(id: number) {
    this.#id = id
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  hasRef(): boolean {
    return true
  }
  [Symbol.toPrimitive](): number {
    return this.#id
  }
}

/** The next timer that is due by `end`. Of timers due at the same time, the one that was created first. */
function first(timers: Map<number, Timer>, end: number): [number, Timer] | undefined {
  let due: [number, Timer] | undefined
  for (const entry of timers) {
    if (entry[1].at <= end && (!due || entry[1].at < due[1].at)) due = entry
  }
  return due
}

/** Resolves in the next turn of the event loop, after all settled promises and the tasks that streams have queued. */
function nextTurn(realSetTimeout: typeof setTimeout): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else realSetTimeout(resolve, 0)
  })
}
