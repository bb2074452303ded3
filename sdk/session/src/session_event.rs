//! The events of a session, as subscribers receive them.

use guestpass_core::{EndReason, Event as MachineEvent, IdentityReason, SignedOutBy, StorageFault, Subject};
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::error::{ErrorCode, describe};
use crate::handles::Handles;
use crate::js::{number, to_js};

const IN_MEMORY: &str =
    "the storage failed, or a newer Guestpass has written it; the session is kept in memory until it works";
const MISSING: &str = "there is no such storage here, so the session is kept in memory only, and the next load makes another \
                       guest; in a worker, choose `storage: 'indexeddb'` (there and in the page)";
const CORRUPT: &str = "the stored session could not be read and is ignored";

/// A change that a session reports to its subscribers. Never contains a token.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum SessionEvent {
    /// The session was read from the storage of the browser.
    Restored {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// The subject. `None` when the server does not send it.
        id: Option<String>,
    },
    /// The server has made a guest.
    Acquired {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// The subject. `None` when the server does not send it.
        id: Option<String>,
    },
    /// The server has refreshed the token.
    Refreshed {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// The subject. `None` when the server does not send it.
        id: Option<String>,
        /// The number of changes of the credential since the last sign-out. The same number in every tab.
        generation: f64,
    },
    /// Another tab has acquired or refreshed a credential, and this tab has adopted it.
    Adopted {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// The subject. `None` when the server does not send it.
        id: Option<String>,
        /// The number of changes of the credential since the last sign-out. The same number in every tab.
        generation: f64,
    },
    /// A server has responded to the token with 401. The session refreshes the token. Reported once for each token.
    Unauthorized {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// The generation of the token that was refused.
        generation: f64,
    },
    /// The last attempt to get a credential failed, and another one follows.
    Retrying {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// The stable code of the error.
        code: ErrorCode,
        /// The error in English, for developers.
        message: String,
        /// The time until the next attempt, in milliseconds.
        delay: f64,
    },
    /// The visitor has another id.
    Identity {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// The previous id.
        old_id: Option<String>,
        /// The new id. `None` when there is none yet.
        new_id: Option<String>,
        /// Why the id has changed. The reason tells whether data is lost.
        reason: IdentityReason,
    },
    /// The session has ended, and the browser has deleted its credential.
    SignedOut {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// The subject that was signed out.
        id: Option<String>,
        /// The tab that asked for the sign-out.
        by: SignedOutBy,
        /// Whether the visitor was signed out or erased.
        reason: SignedOutReason,
    },
    /// The storage failed, or its content could not be read.
    Storage {
        /// The time of the event, in milliseconds since the Unix epoch.
        at: f64,
        /// The fault of the storage.
        state: StorageFault,
        /// The fault in English, for developers.
        message: &'static str,
    },
}

/// Whether a sign-out or an erasure has ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum SignedOutReason {
    /// The visitor was signed out.
    SignedOut,
    /// The visitor was erased.
    Erased,
}

impl SessionEvent {
    /// `at`: milliseconds since the Unix epoch. `missing`: the kind of storage that was asked for does not exist.
    pub(crate) fn new(handles: &Handles, at: u64, event: MachineEvent, missing: bool) -> Self {
        let at = number(at);
        let id_of = |subject: Option<Subject>| subject.map(|subject| handles.id(subject));
        match event {
            MachineEvent::Restored { id } => Self::Restored { at, id: id_of(id) },
            MachineEvent::Acquired { id } => Self::Acquired { at, id: id_of(id) },
            MachineEvent::Refreshed { id, generation } => {
                Self::Refreshed { at, id: id_of(id), generation: number(generation) }
            }
            MachineEvent::Adopted { id, generation } => {
                Self::Adopted { at, id: id_of(id), generation: number(generation) }
            }
            MachineEvent::Unauthorized { generation } => Self::Unauthorized { at, generation: number(generation) },
            MachineEvent::Retrying { error, delay } => {
                let (code, message) = describe(error);
                Self::Retrying { at, code, message, delay: number(delay) }
            }
            MachineEvent::Identity { old, new, reason } => {
                Self::Identity { at, old_id: id_of(old), new_id: id_of(new), reason }
            }
            MachineEvent::SignedOut { id, by, end_reason } => {
                let reason = match end_reason {
                    EndReason::Erased => SignedOutReason::Erased,
                    EndReason::SignedOut | EndReason::Permanent => SignedOutReason::SignedOut,
                };
                Self::SignedOut { at, id: id_of(id), by, reason }
            }
            MachineEvent::Storage(state) => {
                let message = match state {
                    StorageFault::Memory if missing => MISSING,
                    StorageFault::Memory => IN_MEMORY,
                    StorageFault::Corrupt => CORRUPT,
                };
                Self::Storage { at, state, message }
            }
        }
    }
}

/// The object that the npm package gives to JavaScript: its type `SessionEvent`.
impl From<&SessionEvent> for JsValue {
    fn from(event: &SessionEvent) -> Self {
        to_js(event)
    }
}
