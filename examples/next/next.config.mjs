// The app forwards the requests for the API, so that the page and the API have one origin.
const api = process.env.API ?? 'http://127.0.0.1:8000'

export default {
  rewrites: async () =>
    ['/anonymous-login', '/token', '/revoke', '/me'].map((path) => ({ source: path, destination: api + path })),
}
