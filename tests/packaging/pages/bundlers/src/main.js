import { session } from './session.js'

const show = (selector, text) => {
  document.querySelector(selector).textContent = text
}

// A returning visitor would be answered without the compiled code.
localStorage.clear()
session
  .fetch('/me')
  .then((response) => response.json())
  .then(
    ({ id }) => show('output', id),
    (error) => show('[role=alert]', String(error)),
  )
