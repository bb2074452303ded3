import type { OnChange, SessionManager, ManagerOptions as WasmOptions } from '../pkg/guestpass_sdk.js'
import type { SessionOptions } from './types.js'

/** Runs one session: the compiled session manager, or in tests of the face what stands in for it. */
export type Manager = Pick<
  SessionManager,
  'close' | 'erase' | 'expire' | 'fetch' | 'free' | 'signOut' | 'start' | 'token' | 'upgrade'
>

/** The ways to become a member, by the names of their endpoints. */
export type { UpgradeKind } from '../pkg/guestpass_sdk.js'

/** Options, checked and complete: `baseUrl` has no slash at its end. */
export type ManagerOptions = Omit<WasmOptions, 'errorClass'> & { readonly wasm: SessionOptions['wasm'] }

export type { OnChange }

export type ManagerClass = typeof SessionManager

/** Loads the compiled code. Rejects with a `GuestpassError` of code `load_failed`. */
export type Load = (wasm?: SessionOptions['wasm']) => Promise<ManagerClass>

/** Loads the compiled code and hands out what runs one session. */
export type LoadManager = (wasm?: SessionOptions['wasm']) => Promise<MakeManager>

export type MakeManager = (options: ManagerOptions, onChange: OnChange) => Manager
