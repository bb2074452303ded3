import { createSession } from 'guestpass'
import { eventStream, openWebSocket } from 'guestpass/streams'

const origin = new URLSearchParams(location.search).get('service')
const session = createSession({ baseUrl: location.origin, allowedOrigins: [origin] })

async function visit() {
  const stream = eventStream(session, `${origin}/news`)
  const told = [(await stream.next()).value, (await stream.next()).value]

  const socket = await openWebSocket(session, `${origin.replace('http', 'ws')}/chat`, 'shop.v1')
  const message = await new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(data)
    socket.onclose = ({ code }) => reject(new Error(`closed with ${code}`))
  })
  const closed = new Promise((resolve) => {
    socket.onclose = ({ code }) => resolve(code)
  })

  const ended = stream.next().catch(({ code }) => code)
  await session.signOut()
  return { told, message, protocol: socket.protocol, ended: await ended, closed: await closed }
}

visit().then(
  (seen) => {
    document.body.dataset.guest = JSON.stringify(seen)
  },
  (error) => {
    document.body.dataset.error = String(error)
  },
)
