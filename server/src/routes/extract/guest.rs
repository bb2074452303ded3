//! The extractor of the authenticated user.

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;

use super::bearer::Credentials;
use crate::auth::{Guest, Unauthorized};
use crate::server::Guestpass;
use crate::store::CHANGES_TRUSTED;

impl<S> FromRequestParts<S> for Guest
where
    S: Send + Sync,
    Guestpass: FromRef<S>,
{
    type Rejection = Unauthorized;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Unauthorized> {
        let Guestpass { inner } = Guestpass::from_ref(state);
        let credentials = Credentials::of(parts)?;
        if inner.store.changes_age() > CHANGES_TRUSTED {
            return Err(Unauthorized::Unavailable);
        }
        let now = inner.clock.now();
        let caller = match inner.sessions.verify_cached(credentials.unchecked(), now) {
            Some(caller) => caller,
            // In a box, so that the future of a handler is small.
            None => Box::pin(inner.sessions.verify(credentials.token()?, now)).await,
        };
        Ok(Self::new(caller?, now))
    }
}
