// Keeps the method and the path of every fetch of the page, from the moment that it is called: what the Resource
// Timing API tells comes late, and not at all for an answer that nobody reads.
window.requests = []
const send = window.fetch
window.fetch = (input, init) => {
  // A Request made of another would take its body away.
  const { method, url } = input instanceof Request ? input : new Request(input, { method: init?.method })
  const { pathname, search } = new URL(url)
  window.requests.push(`${method} ${pathname}${search}`)
  return send(input, init)
}
