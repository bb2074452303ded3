import process from 'node:process'
import { createSession } from 'guestpass'

const [baseUrl = 'http://127.0.0.1:8000'] = process.argv.slice(2)
const session = createSession({ baseUrl })

const response = await session.fetch('/me')
const { id } = await response.json()
console.log(id)

session.close()
