//! The extractor that handlers ask for.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use guestpass_core::wire::GUEST_PREFIX;
use uuid::Uuid;

use super::bearer::bearer_token;
use crate::clock::Timestamp;
use crate::error::Unauthorized;
use crate::{Guestpass, server::Inner};

/// The guest whose access token came with the request.
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
    session: Uuid,
    seen_at: Timestamp,
}

impl Guest {
    /// The key under which to store what belongs to this guest. It stays the same when the guest registers.
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The session that the token belongs to.
    pub const fn session(&self) -> Uuid {
        self.session
    }

    /// When the request came: what `last_active_at` will say once it has been written.
    pub(crate) const fn seen_at(&self) -> Timestamp {
        self.seen_at
    }

    /// The `sub` of the token: `anonymous_` and the id.
    pub fn subject(&self) -> String {
        subject_of_guest(self.id)
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
    let token = bearer_token(parts)?;
    let now = server.clock.now();
    let verified = server.sessions.verify(token, now).await?;
    Ok(Guest { id: verified.guest, session: verified.session, seen_at: now })
}

/// The `sub` of a guest.
pub(crate) fn subject_of_guest(id: Uuid) -> String {
    format!("{GUEST_PREFIX}{}", id.hyphenated())
}

pub(super) fn guest_of_subject(subject: &str) -> Option<Uuid> {
    Uuid::try_parse(subject.strip_prefix(GUEST_PREFIX)?).ok()
}
