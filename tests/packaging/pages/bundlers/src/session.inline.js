import { createSession } from 'guestpass/inline'

export const session = createSession()
