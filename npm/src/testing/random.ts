/**
 * Returns a function that makes `Math.random` and `crypto.getRandomValues` return the same numbers in every run, so that
 * the random delays of the back-off are the same too. That function returns another one, which restores both.
 *
 * A second call continues the sequence. If it started again, a session would repeat the idempotency key of an earlier test
 * and get the guest of that test.
 */
export function seededRandom(): () => () => void {
  let state = 0x9e3779b9
  const value = <T extends ArrayBufferView | null>(array: T): T => {
    if (!array) return array
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    for (let index = 0; index < bytes.length; index++) {
      // xorshift32 (Marsaglia, 2003).
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      bytes[index] = state
    }
    return array
  }
  return () => {
    const realRandom = Math.random
    const real = Object.getOwnPropertyDescriptor(crypto, 'getRandomValues')
    Object.defineProperty(crypto, 'getRandomValues', { configurable: true, writable: true, value })
    Math.random = () => (value(new Uint32Array(1))[0] ?? 0) / 2 ** 32
    return () => {
      Math.random = realRandom
      if (real) Object.defineProperty(crypto, 'getRandomValues', real)
      else Reflect.deleteProperty(crypto, 'getRandomValues')
    }
  }
}
