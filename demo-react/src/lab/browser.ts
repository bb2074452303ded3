// Faults of the browser. Each hands back the way to undo it.

const BALLAST = 'guestpass-demo:ballast'

/** Fills the storage of this origin to the last character. */
export function fillStorage(): () => void {
  let filling = ''
  // Twice as much each time while that fits, then half as much.
  for (let size = 1 << 16, grows = true; size >= 1; size = grows ? size * 2 : size >> 1) {
    try {
      localStorage.setItem(BALLAST, filling + '#'.repeat(size))
      filling += '#'.repeat(size)
    } catch {
      grows = false
    }
  }
  return () => localStorage.removeItem(BALLAST)
}

/** Takes the Web Locks API from this page. */
export function removeLocks(): () => void {
  const locks = Object.getOwnPropertyDescriptor(Navigator.prototype, 'locks')
  if (!locks) return () => {}
  Reflect.deleteProperty(Navigator.prototype, 'locks')
  return () => Object.defineProperty(Navigator.prototype, 'locks', locks)
}
