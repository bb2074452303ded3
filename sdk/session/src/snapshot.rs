//! The state of a session, as subscribers read it.

use guestpass_core::{Kind, SessionError, Snapshot as MachineSnapshot, Status};
use serde::Serialize;
use wasm_bindgen::JsValue;

use crate::error::{ErrorCode, describe};
use crate::handles::Handles;
use crate::js::{number, to_js};

/// The state of a session at one moment.
///
/// In JavaScript it is the same object until something changes, so `===` tells whether something has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Snapshot {
    /// The status of the session.
    pub status: Status,
    /// The subject: `anonymous_<uuid>` or `user_<uuid>`. `None` when there is none, or the server does not send it.
    pub id: Option<String>,
    /// The kind of the subject. `None` when there is none, or the server does not send it.
    pub kind: Option<Kind>,
    /// When the access token expires, in milliseconds since the Unix epoch, by the clock of this device. `None` when unknown.
    pub expires_at: Option<f64>,
    /// Why the last attempt to get a credential failed, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<SnapshotError>,
}

/// Why the last attempt of a session to get a credential failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SnapshotError {
    /// The stable code of the error.
    pub code: ErrorCode,
    /// The error in English, for developers. Never contains a token.
    pub message: String,
    /// When the session tries again by itself, in milliseconds since the Unix epoch. `None` during an attempt, and after an
    /// error that does not pass by itself (`rejected`; in JavaScript also `load_failed` and `invalid_option`): then the next
    /// call tries again. For a short time after `rejected` (at most two seconds, or the `Retry-After` of the response), calls
    /// fail at once with the same error.
    pub retry_at: Option<f64>,
}

impl Snapshot {
    pub(crate) fn new(handles: &Handles, snapshot: &MachineSnapshot) -> Self {
        Self {
            status: snapshot.status,
            id: snapshot.id.map(|subject| handles.id(subject)),
            kind: snapshot.id.and_then(|subject| subject.kind),
            expires_at: snapshot.expires_at.map(number),
            error: snapshot.error.map(|error| SnapshotError::new(error, snapshot.retry_at)),
        }
    }
}

impl SnapshotError {
    fn new(error: SessionError, retry_at: Option<u64>) -> Self {
        let (code, message) = describe(error);
        Self { code, message, retry_at: retry_at.map(number) }
    }
}

/// The object that the npm package gives to JavaScript: its type `Snapshot`.
impl From<&Snapshot> for JsValue {
    fn from(snapshot: &Snapshot) -> Self {
        to_js(snapshot)
    }
}
