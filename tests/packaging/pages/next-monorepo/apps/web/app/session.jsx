export { Session } from 'shop-session/client'
