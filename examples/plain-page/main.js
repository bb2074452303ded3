import { createSession } from 'guestpass'

const session = createSession({ baseUrl: location.origin })

try {
  const response = await session.fetch('/me')
  const { id } = await response.json()
  document.querySelector('output').textContent = id
} catch (error) {
  document.querySelector('[role=alert]').textContent = String(error)
}
