import { createSession } from 'guestpass'

export const session = createSession()
