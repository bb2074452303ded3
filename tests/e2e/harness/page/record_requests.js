// Records the method and the path of each fetch of the page at the moment of the call. The Resource Timing API would report a
// request late, and not at all when the page does not read the response.
window.requests = []
const send = window.fetch
window.fetch = (input, init) => {
  // A new Request would take the body of this one.
  const { method, url } = input instanceof Request ? input : new Request(input, { method: init?.method })
  const { pathname, search } = new URL(url)
  window.requests.push(`${method} ${pathname}${search}`)
  return send(input, init)
}
