// In development, Angular serves the page and forwards the requests for the API, so that both have one origin.
const target = process.env.API ?? 'http://127.0.0.1:8000'

export default Object.fromEntries(['/anonymous-login', '/token', '/revoke', '/me'].map((path) => [path, { target }]))
