import { createSession } from 'guestpass'

export const session = createSession({ baseUrl: import.meta.env.VITE_API })
