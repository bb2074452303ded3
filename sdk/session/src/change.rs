//! What subscribers are told: snapshots and events.

use guestpass_core::{
    EndReason, Event as MachineEvent, IdentityReason, Kind, SessionError, SignedOutBy, Snapshot as MachineSnapshot,
    Status, StorageFault, Subject,
};
use serde::Serialize;

use crate::error::{ErrorCode, describe};
use crate::handles::Handles;
use crate::js::number;

const IN_MEMORY: &str =
    "the storage failed, or holds what a newer Guestpass wrote; the session lives in this page's memory";
const CORRUPT: &str = "what was stored could not be read, and is ignored";

/// What a session looks like at one moment.
///
/// In JavaScript it is the same object until something changes, so that `===` tells whether something has changed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Snapshot {
    /// Where the session stands.
    pub status: Status,
    /// The subject: `anonymous_<uuid>` or `user_<uuid>`. `None` when there is none, or the server does not tell.
    pub id: Option<String>,
    /// What the subject is. `None` when there is none, or the server does not tell.
    pub kind: Option<Kind>,
    /// When the access token expires, in milliseconds since the epoch (this machine's clock). `None` when it is not known.
    pub expires_at: Option<f64>,
    /// Why the last attempt to get a credential failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ChangeError>,
}

/// Why the last attempt of a session to get a credential failed.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SnapshotError"))]
pub struct ChangeError {
    /// What went wrong. The codes are stable.
    pub code: ErrorCode,
    /// The same for people. Never holds a token.
    pub message: String,
    /// When the session tries again by itself, in milliseconds since the epoch. `None` during an attempt, and after an error
    /// that waiting does not mend (`rejected`; in JavaScript also `load_failed` and `invalid_option`): then the next call
    /// tries again. After `rejected`, calls of the next moments (at most two seconds, or the `Retry-After`) fail with the same
    /// error at once.
    pub retry_at: Option<f64>,
}

/// What a session tells its subscribers, as it happens. Never carries a token.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case", rename_all_fields = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename = "SessionEvent"))]
pub enum Event {
    /// The browser had a session in its storage.
    Restored {
        /// When, in milliseconds since the epoch.
        at: f64,
        /// The subject. `None` when the server does not tell.
        id: Option<String>,
    },
    /// The server has made a guest.
    Acquired {
        /// When, in milliseconds since the epoch.
        at: f64,
        /// The subject. `None` when the server does not tell.
        id: Option<String>,
    },
    /// The server has refreshed the token.
    Refreshed {
        /// When, in milliseconds since the epoch.
        at: f64,
        /// The subject. `None` when the server does not tell.
        id: Option<String>,
        /// How often the credential has changed since the sign-out before it: the same number in every tab.
        generation: f64,
    },
    /// Another tab has acquired or refreshed a credential, and this tab has taken it over.
    Adopted {
        /// When, in milliseconds since the epoch.
        at: f64,
        /// The subject. `None` when the server does not tell.
        id: Option<String>,
        /// How often the credential has changed since the sign-out before it: the same number in every tab.
        generation: f64,
    },
    /// A server has responded to the token with 401. The session refreshes the token.
    Unauthorized {
        /// When, in milliseconds since the epoch.
        at: f64,
        /// The generation of the token that was refused.
        generation: f64,
    },
    /// The last attempt to get a credential failed, and another one follows.
    Retrying {
        /// When, in milliseconds since the epoch.
        at: f64,
        /// Why the attempt failed.
        code: ErrorCode,
        /// The same for people.
        message: String,
        /// In how many milliseconds the next attempt follows.
        delay: f64,
    },
    /// The visitor has another id.
    Identity {
        /// When, in milliseconds since the epoch.
        at: f64,
        /// The id before.
        old_id: Option<String>,
        /// The id now. `None` when there is none yet.
        new_id: Option<String>,
        /// Why the id has changed, which tells whether anything is lost.
        reason: IdentityReason,
    },
    /// The browser has forgotten the session.
    SignedOut {
        /// When, in milliseconds since the epoch.
        at: f64,
        /// The subject that was signed out.
        id: Option<String>,
        /// Where the sign-out was asked for.
        by: SignedOutBy,
        /// Whether the visitor was signed out or erased.
        reason: SignedOutReason,
    },
    /// The storage does not serve as it should.
    Storage {
        /// When, in milliseconds since the epoch.
        at: f64,
        /// What is wrong with it.
        state: StorageFault,
        /// The same for people.
        message: &'static str,
    },
}

/// How a visitor has left a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(inline))]
pub enum SignedOutReason {
    /// The visitor was signed out.
    SignedOut,
    /// The visitor was erased.
    Erased,
}

impl Snapshot {
    pub(crate) fn new(handles: &Handles, snapshot: &MachineSnapshot) -> Self {
        Self {
            status: snapshot.status,
            id: snapshot.id.map(|subject| handles.id(subject)),
            kind: snapshot.id.and_then(|subject| subject.kind),
            expires_at: snapshot.expires_at.map(number),
            error: snapshot.error.map(|failure| ChangeError::new(failure, snapshot.retry_at)),
        }
    }
}

impl ChangeError {
    fn new(failure: SessionError, retry_at: Option<u64>) -> Self {
        let (code, message) = describe(failure);
        Self { code, message, retry_at: retry_at.map(number) }
    }
}

impl Event {
    /// `at`: milliseconds since the epoch.
    pub(crate) fn new(handles: &Handles, at: u64, event: MachineEvent) -> Self {
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
                let (code, message) = describe(failure);
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
                    StorageFault::Memory => IN_MEMORY,
                    StorageFault::Corrupt => CORRUPT,
                };
                Self::Storage { at, state, message }
            }
        }
    }
}
