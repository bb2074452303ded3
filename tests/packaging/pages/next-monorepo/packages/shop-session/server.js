import { createSession } from 'guestpass'

/** The session of the service itself: all requests of the Node runtime use this one guest. */
export const service = createSession({ baseUrl: process.env.API, storage: 'memory' })
