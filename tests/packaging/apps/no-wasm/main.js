import { createSession } from './guestpass/dist/index.js'

const session = createSession({ baseUrl: location.origin })
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
