/**
 * A Guestpass server in memory and a clock, for the tests of an app. The sessions under test are real: the same compiled
 * code as in production.
 *
 * @example
 * ```ts
 * import { createTestClock, createTestServer } from 'guestpass/testing'
 *
 * const server = createTestServer()
 * const clock = createTestClock()
 * server.on('GET /orders', ({ guest }) => Response.json({ guest }))
 * const session = server.createSession()
 *
 * await session.fetch('/orders')
 * await clock.advance(60 * 60_000) // one hour: the access token expires
 * await session.fetch('/orders') // refreshes the token, and the guest is the same
 * console.log(server.guests.length, server.count('/token')) // 1 1
 *
 * server.uninstall()
 * clock.uninstall()
 * ```
 *
 * @packageDocumentation
 */

export { createTestClock, type TestClock } from './clock.js'
export type { MemberRule, MergeRule, TestCollection } from './collections.js'
export {
  createTestServer,
  type Fault,
  type TestHandler,
  type TestRequest,
  type TestServer,
  type TestServerOptions,
} from './server.js'
