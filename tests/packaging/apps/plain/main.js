import { createSession } from 'guestpass'

const wasm = new URLSearchParams(location.search).get('wasm')
const session = createSession({ baseUrl: location.origin, ...(wasm && { wasm }) })
session
  .fetch('/me')
  .then((response) => response.json())
  .then(
    ({ id }) => {
      document.body.dataset.guest = id
    },
    (error) => {
      document.body.dataset.error = String(error)
    },
  )
