// Uses a session and ends without closing it. Its argument is the server's address.

import { createSession } from 'guestpass'

const session = createSession({ baseUrl: process.argv[2], storage: 'memory' })
const response = await session.fetch('/items/')
console.log(await response.text())
