import { createSession } from 'guestpass'

const session = createSession()
const output = document.querySelector('output')
const alert = document.querySelector('[role=alert]')

const attempt = async (action) => {
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
document.querySelector('button').onclick = () => attempt(() => session.fetch('/me'))

// Reads the stored guest, without a request.
attempt(() => session.start())
