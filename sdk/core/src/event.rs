use crate::{Failure, Parting, Subject};

/// What subscribers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A stored credential was found at the start.
    Restored {
        /// Its subject.
        id: Option<Subject>,
    },
    /// The server made a guest.
    Acquired {
        /// The new subject.
        id: Option<Subject>,
    },
    /// The server gave a successor.
    Refreshed {
        /// The subject.
        id: Option<Subject>,
        /// Of the new credential.
        generation: u64,
    },
    /// Another tab's newer credential was taken over.
    Adopted {
        /// The subject.
        id: Option<Subject>,
        /// Of that credential.
        generation: u64,
    },
    /// A request was answered with 401.
    Unauthorized {
        /// Of the credential that was refused.
        generation: u64,
    },
    /// An attempt failed; the session is kept.
    Retrying {
        /// Why it failed.
        failure: Failure,
        /// Milliseconds until the next attempt may start.
        delay: u64,
    },
    /// The visitor is somebody else now, or nobody.
    Identity {
        /// Who it was.
        old: Option<Subject>,
        /// Who it is.
        new: Option<Subject>,
        /// Why.
        reason: IdentityReason,
    },
    /// The session was signed out.
    SignedOut {
        /// Who it was.
        id: Option<Subject>,
        /// Where.
        by: SignedOutBy,
        /// How.
        parting: Parting,
    },
    /// The storage is in trouble.
    Storage(Trouble),
}

/// Why the visitor is somebody else: the first four have lost an identity, the last two have raised one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum IdentityReason {
    /// The server ended the session.
    InvalidGrant,
    /// The token was refused, and there is no way to refresh one.
    Unauthorized,
    /// The token ran out, and there is no way to refresh one.
    Expired,
    /// Another tab started a new session.
    AnotherTab,
    /// The guest has become a member, under the same UUID.
    Registered,
    /// The guest has been merged into the account of a member.
    LoggedIn,
}

/// Where a sign-out was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum SignedOutBy {
    /// Here.
    ThisTab,
    /// In another tab.
    AnotherTab,
}

/// What is wrong with the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Trouble {
    /// It failed or did not answer: from now on the session lives in memory.
    Memory,
    /// What it held could not be read, and is treated as nothing.
    Corrupt,
}

/// What the session looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Where it stands.
    pub status: Status,
    /// The subject.
    pub id: Option<Subject>,
    /// When the access token ends: wall clock, milliseconds.
    pub expires_at: Option<u64>,
    /// Why the last attempt failed.
    pub failure: Option<Failure>,
    /// When the next attempt starts by itself: wall clock, milliseconds.
    pub retry_at: Option<u64>,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Status {
    /// Nothing known, nothing under way.
    Idle,
    /// Reading the storage.
    Loading,
    /// Asking for a guest.
    Acquiring,
    /// There is a credential.
    Active,
    /// There is a credential, and a successor is under way.
    Refreshing,
    /// The last attempt failed, and there is no usable token.
    Unavailable,
    /// Signed out.
    SignedOut,
    /// Ended by the server, and the policy is to stop.
    Ended,
    /// Closed.
    Closed,
}

impl Status {
    /// As the snapshot, the log and the diagram have it.
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
