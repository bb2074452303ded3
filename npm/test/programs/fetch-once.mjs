// Uses a session and ends without closing it. The argument is the URL of the server.

import { createSession } from 'guestpass'

const session = createSession({ baseUrl: process.argv[2], storage: 'memory' })
const response = await session.fetch('/items/')
console.log(await response.text())
