//! The extractor that handlers ask for.

use std::fmt;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use guestpass_core::wire::{GUEST_PREFIX, USER_PREFIX};
use uuid::Uuid;

use super::bearer::{NoToken, bearer_token};
use super::sessions::Caller;
use crate::clock::Timestamp;
use crate::error::Unauthorized;
use crate::{Guestpass, server::Inner};

/// The user whose access token came with the request: a guest, or a member who was one.
///
/// A handler that takes this is reached only with a valid token; everybody else gets the 401 or 400 of RFC 6750. It
/// works in any axum application whose state gives a [`Guestpass`]:
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
    token_subject: Subject,
    session: Uuid,
    seen_at: Timestamp,
}

/// What a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Not signed up.
    Guest,
    /// Registered.
    User,
}

impl Kind {
    /// `guest` or `user`, as `GET /me` says it.
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
    /// The key under which to store what belongs to this user. It stays the same when a guest registers. When a guest logs
    /// in to an account that was there before, it is the account's from then on, for tokens from before as well; move your
    /// rows, as Guestpass moves its own.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Whether it is a member. A token from before the registration says so too: on this node at once, on others within a
    /// second.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The session that the token belongs to.
    pub const fn session(&self) -> Uuid {
        self.session
    }

    /// When the request came: what `last_active_at` will say once it has been written.
    pub(crate) const fn seen_at(&self) -> Timestamp {
        self.seen_at
    }

    /// Whom the token itself names: a guest who has been merged since is still that guest there.
    pub(crate) const fn token_subject(&self) -> Subject {
        self.token_subject
    }

    /// `anonymous_` or `user_`, and the id: the `sub` of the next token.
    pub fn subject(&self) -> String {
        Subject { id: self.id, kind: self.kind }.to_string()
    }
}

impl<S> FromRequestParts<S> for Guest
where
    S: Send + Sync,
    Guestpass: FromRef<S>,
{
    type Rejection = Unauthorized;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Unauthorized> {
        let Guestpass { inner } = Guestpass::from_ref(state);
        guest_of_request(&inner, parts).await
    }
}

async fn guest_of_request(server: &Inner, parts: &Parts) -> Result<Guest, Unauthorized> {
    let token = bearer_token(parts).map_err(|error| match error {
        NoToken::Absent => Unauthorized::NoCredentials,
        NoToken::Malformed(why) => Unauthorized::InvalidRequest(why),
    })?;
    let now = server.clock.now();
    let Caller { subject, token_subject, session } = server.sessions.verify(token, now).await?;
    Ok(Guest { id: subject.id, kind: subject.kind, token_subject, session, seen_at: now })
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
