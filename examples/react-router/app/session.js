import { createSession } from 'guestpass'

export const baseUrl = import.meta.env.VITE_API ?? 'http://127.0.0.1:8000'

export const session = createSession({ baseUrl })
