//! What JavaScript opens a session with. Members are read one by one: to deserialise them would weigh ten kilobytes.

use guestpass_session::{CustomStorage, OnIdentityLost, OnStep, Options, StorageKind};
use js_sys::{Function, Reflect};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::session_manager::to_js;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r"
import type { CustomStorage, ErrorCode, Membership, OnIdentityLost, SessionEvent, Snapshot, StorageKind } from '../src/types.js'

/** Options of a session manager, checked and complete. */
export interface ManagerOptions {
  readonly baseUrl: string
  readonly name: string
  /** Origins that get the token, besides that of `baseUrl`. */
  readonly allowedOrigins: readonly string[]
  readonly storage: StorageKind | CustomStorage
  readonly onIdentityLost: OnIdentityLost
  /** In milliseconds. */
  readonly timeout: number
  /** Called with a line for each step. */
  readonly debug?: ((line: string) => void) | undefined
  /** The class of the errors that calls are rejected with. */
  readonly errorClass: new (code: ErrorCode, message: string, details: { status?: number; reason?: string }) => Error
}

/** Called after each step that changed something: with the snapshot if that has changed, and with an event if there is one. */
export type OnChange = (snapshot: Snapshot | undefined, event: SessionEvent | undefined) => void
";

#[wasm_bindgen]
extern "C" {
    /// The options of a session manager.
    #[derive(Debug)]
    #[wasm_bindgen(typescript_type = "ManagerOptions")]
    pub type ManagerOptions;
    /// Called after each step that changed something.
    #[derive(Debug)]
    #[wasm_bindgen(extends = Function, typescript_type = "OnChange")]
    pub type OnChange;
}

impl ManagerOptions {
    pub(crate) fn read(&self, on_change: guestpass_session::OnChange) -> Options {
        let stop = is_named(&self.get("onIdentityLost"), &OnIdentityLost::Stop);
        Options {
            base_url: self.get("baseUrl").unchecked_into(),
            name: self.get("name").unchecked_into(),
            allowed_origins: self.get("allowedOrigins").unchecked_into(),
            storage: storage_kind(self.get("storage")),
            on_identity_lost: if stop { OnIdentityLost::Stop } else { OnIdentityLost::Reacquire },
            timeout: self.get("timeout").as_f64().unwrap_or_default(),
            on_change,
            on_step: self.get("debug").dyn_into().ok().map(on_step),
            error_class: Some(self.get("errorClass").unchecked_into()),
        }
    }

    fn get(&self, option: &str) -> JsValue {
        Reflect::get(self, &option.into()).unwrap_or_default()
    }
}

fn on_step(debug: Function) -> OnStep {
    Box::new(move |line| {
        // What the listener throws does not concern the session.
        let _ = debug.call1(&JsValue::UNDEFINED, &line.into());
    })
}

fn storage_kind(storage: JsValue) -> StorageKind {
    if storage.is_object() {
        return StorageKind::Custom(storage.unchecked_into::<CustomStorage>());
    }
    if is_named(&storage, &StorageKind::Local) {
        StorageKind::Local
    } else if is_named(&storage, &StorageKind::Session) {
        StorageKind::Session
    } else if is_named(&storage, &StorageKind::IndexedDb) {
        StorageKind::IndexedDb
    } else {
        StorageKind::Memory
    }
}

/// Whether JavaScript gave the name that this choice is serialized as, which is its name in `npm/src/border.ts`, too.
fn is_named(given: &JsValue, choice: &impl Serialize) -> bool {
    to_js(Some(choice)) == *given
}
