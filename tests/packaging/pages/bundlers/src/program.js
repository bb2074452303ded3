// A program that is a guest of the server that its argument names, and prints the guest's id.

import { createSession } from 'guestpass'

const session = createSession({ baseUrl: process.argv[2], storage: 'memory' })

session
  .fetch('/me')
  .then((response) => response.json())
  .then(({ id }) => console.log(id))
  .finally(() => session.close())
