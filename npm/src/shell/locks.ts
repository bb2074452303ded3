/** How it has come: at once, after another tab had it, or not at all. Also that it is lost. */
type LockOutcome = 'granted' | 'handed-over' | 'unavailable'

/** Web Locks: one exclusive lock for all tabs of a session's name. */
export interface Locks {
  take(op: number, done: (outcome: LockOutcome) => void): void
  /** Releases the lock, or stops asking for it. */
  release(op: number): void
}

export function locksOf(name: string): Locks {
  const releases = new Map<number, () => void>()
  return {
    take(op, done) {
      const locks: LockManager | undefined = globalThis.navigator?.locks
      if (!locks) return done('unavailable')
      const controller = new AbortController()
      let release = () => {}
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      releases.set(op, () => {
        release()
        controller.abort()
      })
      const ask = async () => {
        let outcome: LockOutcome = 'granted'
        const granted = (lock: Lock | null) => {
          if (lock) {
            if (releases.has(op)) done(outcome)
            return held
          }
          outcome = 'handed-over'
        }
        await locks.request(name, { ifAvailable: true }, granted)
        // Of its two options, a request takes one.
        if (outcome !== 'granted') await locks.request(name, { signal: controller.signal }, granted)
      }
      ask().catch(() => {
        // Never granted, or taken away; or given back by ourselves.
        if (releases.delete(op)) done('unavailable')
      })
    },
    release(op) {
      const release = releases.get(op)
      releases.delete(op)
      release?.()
    },
  }
}
