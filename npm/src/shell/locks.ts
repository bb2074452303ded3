/** Web Locks: one exclusive lock for all tabs of a session's name. */
export interface Locks {
  /** Calls `done` with true when it is granted, with false when it cannot be had or is lost. */
  take(op: number, done: (granted: boolean) => void): void
  /** Releases the lock, or stops asking for it. */
  release(op: number): void
}

export function locksOf(name: string): Locks {
  const releases = new Map<number, () => void>()
  return {
    take(op, done) {
      const locks: LockManager | undefined = globalThis.navigator?.locks
      if (!locks) return done(false)
      const controller = new AbortController()
      let release = () => {}
      const held = new Promise<void>((resolve) => {
        release = resolve
      })
      releases.set(op, () => {
        release()
        controller.abort()
      })
      const ask = async () =>
        locks.request(name, { signal: controller.signal }, () => {
          done(true)
          return held
        })
      ask().catch(() => {
        // Never granted, or taken away; or given back by ourselves.
        if (releases.delete(op)) done(false)
      })
    },
    release(op) {
      const release = releases.get(op)
      releases.delete(op)
      release?.()
    },
  }
}
