import app from './next.app.mjs'

export default {
  ...app,
  output: 'standalone',
  // The folder of the installed packages. Next.js finds it by the lock file, which is elsewhere in the tests.
  outputFileTracingRoot: process.env.TRACING_ROOT,
  transpilePackages: ['shop-session'],
}
