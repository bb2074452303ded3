//! The caller of an account request, authenticated by a refresh token.
//!
//! Account requests change who owns a guest's data, or return or delete all of it. They need the refresh token, which only this
//! server and the client see: a service that receives access tokens can send none of them.

use uuid::Uuid;

use super::guest::Subject;
use super::refresh_token::RefreshToken;
use super::sessions::{Sessions, UnavailableError};
use super::unauthorized::Unauthorized;
use crate::clock::Timestamp;

/// The user whose refresh token came with an account request, which does not use the token up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AccountCaller {
    pub(crate) subject: Subject,
    /// The session of the refresh token.
    pub(crate) session: Uuid,
    /// When the request arrived.
    pub(crate) seen_at: Timestamp,
}

/// An account request that is not authenticated.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountCallerError {
    /// 401 without an error code: the client sent no credentials.
    #[error("send the refresh token: Authorization: Bearer, followed by the token")]
    NoCredentials,
    /// 403: the token is a valid access token.
    #[error(
        "this request needs the refresh token of the session as the bearer token, and not the access token. A session without \
         a refresh token cannot send it: begin a new one with POST /anonymous-login and the body {{\"refresh\": true}}"
    )]
    AccessToken,
    /// The token is invalid, or was sent in a wrong way.
    #[error("the refresh token is invalid, expired or revoked")]
    Unauthorized(Unauthorized),
    #[error(transparent)]
    Unavailable(#[from] UnavailableError),
}

impl AccountCallerError {
    pub(crate) const INVALID: Self =
        Self::Unauthorized(Unauthorized::InvalidToken("the refresh token is invalid, expired or revoked"));
}

impl Sessions {
    /// Reads the bearer token of an account request. Does not look up its session.
    pub(crate) async fn read_account_token(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<RefreshToken, AccountCallerError> {
        if let Some(token) = self.read_refresh_token(token, now).await {
            return Ok(token);
        }
        if RefreshToken::has_form(token) {
            return Err(AccountCallerError::INVALID);
        }
        match self.verify(token, now).await {
            Ok(_) => Err(AccountCallerError::AccessToken),
            Err(error) => Err(AccountCallerError::Unauthorized(error.into())),
        }
    }

    /// The caller with this refresh token: the current one of a live session, or its parent while that may be used. Any other
    /// token is refused, and not counted as reuse: an honest client may send a request whose token is rotated meanwhile.
    pub(crate) async fn account_caller(
        &self,
        token: RefreshToken,
        now: Timestamp,
    ) -> Result<AccountCaller, AccountCallerError> {
        let session = self.store.session(token.session).await.map_err(UnavailableError::from)?;
        let session = session.filter(|session| self.would_refresh(session, token.counter, now));
        let session = session.ok_or(AccountCallerError::INVALID)?;
        self.activity.record(session.user, now);
        let subject = Subject::new(session.user, session.registered);
        Ok(AccountCaller { subject, session: session.id, seen_at: now })
    }
}
