use crate::{EndReason, SessionError, Subject};

/// An event for subscribers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A stored credential was found at the start.
    Restored {
        /// Its subject.
        id: Option<Subject>,
    },
    /// The server has created a guest.
    Acquired {
        /// The new subject.
        id: Option<Subject>,
    },
    /// The server has refreshed the credential.
    Refreshed {
        /// The subject.
        id: Option<Subject>,
        /// The generation of the new credential.
        generation: u64,
    },
    /// A newer credential of another tab was adopted.
    Adopted {
        /// The subject.
        id: Option<Subject>,
        /// The generation of that credential.
        generation: u64,
    },
    /// A resource has responded with 401: reported once for each credential.
    Unauthorized {
        /// The generation of the credential that was refused.
        generation: u64,
    },
    /// An attempt to renew has failed. The session is kept.
    Retrying {
        /// Why it failed.
        error: SessionError,
        /// Milliseconds until the next attempt may start.
        delay: u64,
    },
    /// The visitor has another identity, or none.
    Identity {
        /// The subject before.
        old: Option<Subject>,
        /// The subject afterwards.
        new: Option<Subject>,
        /// Why.
        reason: IdentityReason,
    },
    /// The session was signed out.
    SignedOut {
        /// The subject before.
        id: Option<Subject>,
        /// The tab that has signed out.
        by: SignedOutBy,
        /// How the session has ended.
        end_reason: EndReason,
    },
    /// The storage has a fault.
    Storage(StorageFault),
}

/// Why a visitor has another id.
///
/// With the first four reasons, the visitor has lost an identity and what belonged to it. With the last two, the guest has
/// become a member and keeps what belongs to the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum IdentityReason {
    /// The server ended the session: it was revoked, it has expired, or its refresh token was reused.
    InvalidGrant,
    /// The server refused the access token, and there is no refresh token.
    Unauthorized,
    /// The access token has expired, and there is no refresh token.
    Expired,
    /// Another tab of this browser started a new session.
    AnotherTab,
    /// The guest has become a member: the same UUID, with the prefix `user_`.
    Registered,
    /// The guest has been merged into the account of a member.
    LoggedIn,
}

/// Where a sign-out was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(inline))]
pub enum SignedOutBy {
    /// In this tab.
    ThisTab,
    /// In another tab of this browser.
    AnotherTab,
}

/// What is wrong with the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(inline))]
pub enum StorageFault {
    /// The storage failed or did not respond: the session goes on in memory until the storage works again.
    Memory,
    /// The content of the storage could not be read, and is treated as nothing.
    Corrupt,
}

/// The state of the session, as subscribers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// The status of the session.
    pub status: Status,
    /// The subject.
    pub id: Option<Subject>,
    /// When the access token expires: wall clock, in milliseconds.
    pub expires_at: Option<u64>,
    /// Why the last attempt failed.
    pub error: Option<SessionError>,
    /// When the next attempt starts by itself: wall clock, in milliseconds.
    pub retry_at: Option<u64>,
}

/// The status of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema), schemars(rename_all = "snake_case"))]
pub enum Status {
    /// Nothing is known yet, and nothing is under way. The first `fetch`, `token` or `start` changes that.
    Idle,
    /// The session reads what the browser has stored.
    Loading,
    /// The session asks the server for a guest.
    Acquiring,
    /// There is a usable token. It may be refreshed ahead of its end, or need a refresh at its next use.
    Active,
    /// The token has expired or was refused, and a refresh is under way.
    Refreshing,
    /// The last attempt failed, and there is no usable token. The session is kept; the error of the snapshot says why the
    /// attempt failed, and when the session tries again by itself.
    Unavailable,
    /// Signed out or erased, in this tab or in another one. The next request acquires a new guest. After a permanent sign-out
    /// (`next: 'none'`), it does so only after a call of `start`, `register`, `login` or `link`.
    SignedOut,
    /// The server ended the session, and the option `onIdentityLost` is `stop`. `start` allows a new guest.
    Ended,
    /// `close` was called. A closed session stays closed.
    Closed,
}

impl Status {
    /// The name of the status in the snapshot, in the log and in the diagram.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Loading => "loading",
            Self::Acquiring => "acquiring",
            Self::Active => "active",
            Self::Refreshing => "refreshing",
            Self::Unavailable => "unavailable",
            Self::SignedOut => "signed_out",
            Self::Ended => "ended",
            Self::Closed => "closed",
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Status {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
