const api = process.env.API

export default {
  // The folder that the workspace's packages are in.
  turbopack: { root: process.env.ROOT },
  outputFileTracingRoot: process.env.ROOT,
  rewrites: async () =>
    ['/anonymous-login', '/token', '/me'].map((path) => ({ source: path, destination: api + path })),
}
