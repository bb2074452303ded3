import { createSession } from 'guestpass'
import file from 'guestpass/sdk.wasm'

export const session = createSession({ wasm: new URL(file, import.meta.url) })
