//! The authenticated user, and the subject of a token.

use std::fmt;

use guestpass_core::wire::{GUEST_PREFIX, USER_PREFIX};
use uuid::Uuid;

use super::sessions::AuthenticatedCaller;
use crate::clock::Timestamp;
use crate::store::GuestRow;

/// The user whose access token came with the request: a guest, or a member who was one.
///
/// A handler with this extractor runs only if the token is valid; otherwise the response is the 401 or 400 of RFC 6750. It
/// works in any axum application from whose state a [`Guestpass`](crate::Guestpass) can be taken:
///
/// ```
/// use axum::{Router, routing::get};
/// use guestpass_server::{Guest, Guestpass};
///
/// async fn hello(guest: Guest) -> String {
///     format!("hello, {}", guest.subject())
/// }
///
/// fn app(guestpass: Guestpass) -> Router {
///     Router::new().route("/hello", get(hello)).with_state(guestpass)
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guest {
    id: Uuid,
    kind: Kind,
    session: Uuid,
    seen_at: Timestamp,
}

/// The kind of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Not signed up.
    Guest,
    /// Registered.
    User,
}

impl Kind {
    /// `guest` or `user`, as in the response of `GET /me`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::User => "user",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Guest => GUEST_PREFIX,
            Self::User => USER_PREFIX,
        }
    }
}

impl Guest {
    pub(crate) const fn new(caller: AuthenticatedCaller, seen_at: Timestamp) -> Self {
        let AuthenticatedCaller { subject, session } = caller;
        Self { id: subject.id, kind: subject.kind, session, seen_at }
    }

    /// The key under which to store the data of this user. It stays the same when a guest registers. When a guest logs in to
    /// an account that existed before, it is the id of the account from then on: move your rows to that id, as Guestpass
    /// moves its own.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Whether the user is a guest or a member. A guest who becomes a member gets new tokens, and the tokens of before are
    /// refused: at once on this node, and within a second on other nodes.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The session that the token belongs to.
    pub const fn session(&self) -> Uuid {
        self.session
    }

    /// When the request arrived. It becomes the `last_active_at` of the user when that is next written.
    pub(crate) const fn seen_at(&self) -> Timestamp {
        self.seen_at
    }

    /// `anonymous_` or `user_`, followed by the id: the `sub` of the next token.
    pub fn subject(&self) -> String {
        Subject { id: self.id, kind: self.kind }.to_string()
    }
}

/// The `sub` of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Subject {
    pub(crate) id: Uuid,
    pub(crate) kind: Kind,
}

impl Subject {
    pub(crate) const fn new(id: Uuid, registered: bool) -> Self {
        Self { id, kind: if registered { Kind::User } else { Kind::Guest } }
    }

    /// The current subject of a stored user.
    pub(crate) const fn of(row: &GuestRow) -> Self {
        Self::new(row.id, row.registered_at.is_some())
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let kind = [Kind::Guest, Kind::User].into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        Some(Self { id: Uuid::try_parse(text.strip_prefix(kind.prefix())?).ok()?, kind })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.prefix(), self.id.hyphenated())
    }
}
