/** Time that passes only when a test says so. */
export interface TestClock {
  /** This moment, in milliseconds since the epoch. */
  readonly now: number
  /** Lets so many milliseconds pass: timers fire in their order, and what follows from each happens before the next. */
  advance(milliseconds: number): Promise<void>
  /** Lets everything happen that waits for no time. */
  settle(): Promise<void>
  /** Gives the real time back. Timers that were waiting never fire. Idempotent. */
  uninstall(): void
}

/** Turns of the event loop that what waits for no time may take: more than any chain of promises in here has. */
const TURNS = 16

/**
 * Replaces `Date`, `performance.now`, `setTimeout`, `setInterval` and their `clear…` until `uninstall`.
 *
 * The fake timers of Vitest, Jest or Sinon do as well: the session and the test server ask for the time whenever they
 * need it. Use those with their asynchronous methods (`advanceTimersByTimeAsync`), or this one, not both.
 *
 * @param start - the first moment, in milliseconds since the epoch. Default: the beginning of 2030, UTC.
 */
export function createTestClock(start: number = Date.UTC(2030, 0)): TestClock {
  const real = { Date, setTimeout, clearTimeout, setInterval, clearInterval }
  // Found at its prototype, unless somebody has replaced it before.
  const realNow = Object.getOwnPropertyDescriptor(performance, 'now')
  const origin = performance.now()
  const timers = new Map<number, Timer>()
  let now = start
  let serial = 0
  let installed = true

  // Node's timers are objects, and libraries call their methods.
  const probe: unknown = setTimeout(() => {}, 0)
  clearTimeout(probe as number)
  const asHandle = (id: number) => (typeof probe === 'object' ? new Handle(id) : id)

  const schedule = (run: () => void, delay: unknown, every?: number) => {
    const id = ++serial
    // As browsers have it: what is not a number counts as 0.
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

/** What `setTimeout` returns in Node, as far as anybody uses it. */
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

/** The timer that is due first, by `end` at the latest; of several, the one that was made first. */
function first(timers: Map<number, Timer>, end: number): [number, Timer] | undefined {
  let due: [number, Timer] | undefined
  for (const entry of timers) {
    if (entry[1].at <= end && (!due || entry[1].at < due[1].at)) due = entry
  }
  return due
}

/** Resolves in the next turn of the event loop: after every promise, and after what streams have put off. */
function nextTurn(realSetTimeout: typeof setTimeout): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') setImmediate(resolve)
    else realSetTimeout(resolve, 0)
  })
}
