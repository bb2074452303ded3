import app from './next.app.mjs'

export default {
  ...app,
  output: 'standalone',
  // The folder of the installed packages. Next.js finds it by the lock file, which is elsewhere in the tests.
  outputFileTracingRoot: process.env.TRACING_ROOT,
  // Next.js finds these packages of other examples, and would trace all their files.
  outputFileTracingExcludes: { 'next-server': ['**/node_modules/{webpack,caniuse-lite,terser,sharp,@img}/**'] },
  transpilePackages: ['shop-session'],
}
