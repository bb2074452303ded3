// Faults of the browser. Each function returns a function that undoes the fault.

const FILLER_KEY = 'guestpass-demo:filler'

/** Fills the storage of this origin to the last character. */
export function fillStorage(): () => void {
  let filler = ''
  // Doubles the size until it does not fit, then halves it.
  for (let size = 1 << 16, grows = true; size >= 1; size = grows ? size * 2 : size >> 1) {
    try {
      localStorage.setItem(FILLER_KEY, filler + '#'.repeat(size))
      filler += '#'.repeat(size)
    } catch {
      grows = false
    }
  }
  return () => localStorage.removeItem(FILLER_KEY)
}

/** Removes the Web Locks API from this page. */
export function removeLocks(): () => void {
  const locks = Object.getOwnPropertyDescriptor(Navigator.prototype, 'locks')
  if (!locks) return () => {}
  Reflect.deleteProperty(Navigator.prototype, 'locks')
  return () => Object.defineProperty(Navigator.prototype, 'locks', locks)
}
