// @ts-nocheck: the module that it imports is in the folder of the page.

// A session, its events, and the number of workers that have sent a message.

import { createSession } from './guestpass/dist/index.js'

window.workers = 0
window.Worker = class extends Worker {
  constructor(...of) {
    super(...of)
    this.addEventListener('message', () => window.workers++, { once: true })
  }
}
window.guestpass = createSession()
window.events = []
window.guestpass.onEvent((event) => window.events.push(event))
