export { createTestClock, type TestClock } from './clock.js'
export {
  createTestServer,
  type Fault,
  type TestHandler,
  type TestRequest,
  type TestServer,
  type TestServerOptions,
} from './server.js'
