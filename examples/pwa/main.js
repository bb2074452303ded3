import { createSession } from 'guestpass'

const session = createSession()
const output = document.querySelector('output')
const alert = document.querySelector('[role=alert]')

async function attempt(action) {
  alert.textContent = ''
  try {
    await action()
  } catch (error) {
    alert.textContent = String(error)
  }
}

session.subscribe(() => {
  output.textContent = session.getSnapshot().id ?? 'not yet a guest'
})

async function visit() {
  const response = await session.fetch('/me')
  const { created_at } = await response.json()
  document.querySelector('time').textContent = created_at
}

document.querySelector('button').onclick = () => attempt(visit)

// Reads the stored guest, without a request.
attempt(() => session.start())
