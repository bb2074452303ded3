import { createSession } from 'guestpass'
import { eventStream, openWebSocket } from 'guestpass/streams'

const service = import.meta.env.VITE_SERVICE ?? 'http://127.0.0.1:3000'
const session = createSession({ baseUrl: location.origin, allowedOrigins: [service] })

const find = (selector) => document.querySelector(selector)
const add = (selector, text) => {
  find(selector).append(Object.assign(document.createElement('li'), { textContent: text }))
}
const show = (error) => {
  find('[role=alert]').textContent = String(error)
}

/** Ends with an error when the visitor signs out. A broken connection is opened again. */
async function readNews() {
  for await (const { data } of eventStream(session, `${service}/news`)) add('#news', data)
}

/** The socket is closed when the visitor signs out. */
async function openChat() {
  const socket = await openWebSocket(session, `${service.replace('http', 'ws')}/chat`, 'shop.v1')
  socket.onmessage = ({ data }) => add('#chat', data)
  socket.onclose = ({ code }) => add('#chat', `closed (${code})`)
  find('form').onsubmit = (event) => {
    event.preventDefault()
    socket.send(event.target.elements.text.value)
    event.target.reset()
  }
}

session.subscribe(() => {
  find('output').textContent = session.getSnapshot().id ?? 'not a guest'
})
find('#sign-out').onclick = () => session.signOut().catch(show)
readNews().catch(show)
openChat().catch(show)
