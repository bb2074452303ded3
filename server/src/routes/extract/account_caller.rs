//! The extractors of account requests, which take a refresh token as the bearer token.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::bearer::{BearerError, bearer_token};
use crate::auth::{AccountCaller, AccountCallerError, RefreshToken, Unauthorized};
use crate::routes::error::Problem;
use crate::server::Guestpass;
use crate::store::CHANGES_TRUSTED;

/// An authentic refresh token. Its session may have ended.
impl FromRequestParts<Guestpass> for RefreshToken {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, Guestpass { inner }: &Guestpass) -> Result<Self, Problem> {
        let token = bearer_token(parts).map_err(|error| match error {
            BearerError::Absent => AccountCallerError::NoCredentials,
            BearerError::Malformed(_) => AccountCallerError::Unauthorized(error.into()),
        })?;
        Ok(inner.sessions.read_account_token(token, inner.clock.now()).await?)
    }
}

impl FromRequestParts<Guestpass> for AccountCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, server: &Guestpass) -> Result<Self, Problem> {
        let token = RefreshToken::from_request_parts(parts, server).await?;
        // Before the store is read: a PostgreSQL that has been replaced as the primary still has the session.
        if server.inner.store.changes_age() > CHANGES_TRUSTED {
            return Err(AccountCallerError::Unauthorized(Unauthorized::Unavailable).into());
        }
        Ok(server.inner.sessions.account_caller(token, server.inner.clock.now()).await?)
    }
}
