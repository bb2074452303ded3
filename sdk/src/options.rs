//! The options of a session, as JavaScript passes them. Members are read one by one: `serde_wasm_bindgen::from_value` would
//! add ten kilobytes.

use guestpass_session::{CustomStorage, OnIdentityLost, Options, RequestOptions, StorageKind};
use js_sys::{Array, Function, JsString, Reflect};
use wasm_bindgen::prelude::*;

use crate::session_manager::milliseconds;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r"
import type { CustomStorage, ErrorCode, OnIdentityLost, RequestOptions, SessionEvent, Snapshot, StorageKind } from '../src/types.js'

/** The options of a session manager, checked and complete. */
export interface ManagerOptions {
  readonly baseUrl: string
  readonly name: string
  /** The origins that get the token, besides the origin of `baseUrl`. */
  readonly allowedOrigins: readonly string[]
  readonly storage: StorageKind | CustomStorage
  readonly onIdentityLost: OnIdentityLost
  /** In milliseconds. */
  readonly timeout: number
  /** Sends every request, in the place of the global `fetch`. */
  readonly fetch?: ((input: RequestInfo | URL, init?: RequestInit) => Promise<Response>) | undefined
  /** Returns further headers of the session's own requests. Called for each of them. */
  readonly headers?: (() => HeadersInit | Promise<HeadersInit>) | undefined
  /** The defaults of the requests of `fetch`. */
  readonly requests?: RequestOptions | undefined
  /** Called with a line of text for each step. */
  readonly debug?: ((line: string) => void) | undefined
  /** Answers a response with status 428: gets its problem as JSON text, and resolves with the answer as JSON text. */
  readonly solve?: ((problem: string, signal: AbortSignal) => Promise<string>) | undefined
  /** The class of the errors that calls reject with. */
  readonly errorClass: new (code: ErrorCode, message: string, details: { status?: number; reason?: string }) => Error
}

/** A request that needs the refresh token. */
export interface AccountRequest {
  readonly method: string
  /** Relative to `baseUrl`. */
  readonly path: string
  /** JSON text. */
  readonly body?: string | undefined
  /** `upgrade`: the response has the tokens of a member. `erase`: the server erases the visitor. Without it, nothing changes. */
  readonly kind?: 'upgrade' | 'erase' | undefined
}

/** Called after each change: with the snapshot if it has changed, and with an event if there is one. */
export type OnChange = (snapshot: Snapshot | undefined, event: SessionEvent | undefined) => void
";

#[wasm_bindgen]
extern "C" {
    /// The options of a session manager.
    #[derive(Debug)]
    #[wasm_bindgen(typescript_type = "ManagerOptions")]
    pub type ManagerOptions;
    /// Called after each change.
    #[derive(Debug)]
    #[wasm_bindgen(extends = Function, typescript_type = "OnChange")]
    pub type OnChange;
}

impl ManagerOptions {
    pub(crate) fn read(&self) -> Options {
        let mut options = Options::new(self.get("baseUrl").unchecked_into::<JsString>())
            .name(self.get("name").unchecked_into::<JsString>())
            .storage(storage_kind(self.get("storage")))
            .on_identity_lost(on_identity_lost(&self.get("onIdentityLost")))
            .timeout(milliseconds(self.get("timeout").as_f64().unwrap_or_default()))
            // Undefined counts as not set.
            .fetch(self.get("fetch").unchecked_into())
            .headers(self.get("headers").unchecked_into())
            .requests(self.get("requests").unchecked_into::<RequestOptions>())
            .error_class(self.get("errorClass").unchecked_into());
        for origin in self.get("allowedOrigins").unchecked_into::<Array>().iter() {
            options = options.allowed_origin(origin.unchecked_into::<JsString>());
        }
        if let Ok(debug) = self.get("debug").dyn_into::<Function>() {
            options = options.on_step(move |line| {
                // An exception of the listener does not affect the session.
                let _ = debug.call1(&JsValue::UNDEFINED, &line.into());
            });
        }
        if let Ok(solve) = self.get("solve").dyn_into::<Function>() {
            options = options.solver(solve);
        }
        options
    }

    fn get(&self, option: &str) -> JsValue {
        Reflect::get(self, &option.into()).unwrap_or_default()
    }
}

// The names are those of `npm/src/protocol.ts`, where a change of one breaks the checks of `npm/src/options.ts`.

fn storage_kind(storage: JsValue) -> StorageKind {
    if storage.is_object() {
        return StorageKind::Custom(storage.unchecked_into::<CustomStorage>());
    }
    match storage.as_string().as_deref() {
        Some("local") => StorageKind::Local,
        Some("session") => StorageKind::Session,
        Some("indexeddb") => StorageKind::IndexedDb,
        _ => StorageKind::Memory,
    }
}

fn on_identity_lost(policy: &JsValue) -> OnIdentityLost {
    if *policy == "stop" { OnIdentityLost::Stop } else { OnIdentityLost::Reacquire }
}
