import type { OnChange, SessionManager, ManagerOptions as WasmOptions } from '../pkg/guestpass_sdk.js'
import type { SessionOptions } from './types.js'

/** The session manager of one session. It is compiled code; the tests of this package replace it by a fake. */
export type Manager = Pick<
  SessionManager,
  'accountRequest' | 'close' | 'expire' | 'fetch' | 'free' | 'signOut' | 'start' | 'token'
>

/** Checked and complete options. `baseUrl` does not end in a slash. */
export type ManagerOptions = Omit<WasmOptions, 'errorClass' | 'solve'> & Pick<CompleteOptions, 'wasm' | 'captcha'>

/** The options, each with a value, which may be undefined. */
type CompleteOptions = { readonly [Name in keyof SessionOptions]-?: SessionOptions[Name] | undefined }

export type { OnChange, WasmOptions }

export type ManagerClass = typeof SessionManager

/** Loads the compiled code. Rejects with a `GuestpassError` of code `load_failed` or `network`. */
export type LoadManagerClass = (wasm?: SessionOptions['wasm']) => Promise<ManagerClass>

/** Imports the module that has the same code as JavaScript. */
export type LoadJavaScript = () => Promise<{ readonly SessionManager: ManagerClass }>

/** Loads the compiled code and returns a function that creates session managers. */
export type LoadManagerFactory = (wasm?: SessionOptions['wasm']) => Promise<ManagerFactory>

export type ManagerFactory = (options: ManagerOptions, onChange: OnChange) => Manager
