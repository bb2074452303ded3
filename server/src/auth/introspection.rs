//! The state of a token, for introspection (RFC 7662 §2.2).

use uuid::Uuid;

use super::access_token::CLIENT_ID;
use super::guest::Subject;
use super::sessions::{Sessions, UnavailableError};
use crate::clock::Timestamp;
use crate::store::{Rotation, SessionRow};

/// The content of a valid token. Times are seconds since the Unix epoch.
#[derive(Debug)]
pub(crate) struct ActiveToken {
    pub(crate) token_type: &'static str,
    pub(crate) iss: String,
    pub(crate) sub: String,
    /// The audience of an access token.
    pub(crate) aud: Option<String>,
    pub(crate) client_id: &'static str,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    pub(crate) nbf: Option<i64>,
    pub(crate) jti: Option<String>,
    /// The session of the token.
    pub(crate) sid: Uuid,
}

impl Sessions {
    /// The content of an access token or a refresh token; `None` if it would not be accepted now. Neither uses the token up nor
    /// counts as activity of the guest.
    pub(crate) async fn introspect(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<ActiveToken>, UnavailableError> {
        if let Some(presented) = self.read_refresh_token(token, now).await {
            let session = self.store.session(presented.session).await?;
            let session = session.map(|row| row.limited(self.lifetimes.max_age()));
            let session = session.filter(|row| self.would_refresh(row, presented.counter, now));
            return Ok(session.map(|row| self.refresh_token_of(&row)));
        }
        // Reloads the keys if the token names an unknown one.
        if self.verify_access_token(token, now).await.is_err() {
            return Ok(None);
        }
        let claims = self.verifier.claims(token, now).ok().filter(|claims| !self.revoked.contains(claims.sid));
        Ok(claims.map(|claims| ActiveToken {
            token_type: "Bearer",
            iss: claims.iss,
            sub: claims.sub,
            aud: Some(claims.aud),
            client_id: CLIENT_ID,
            iat: claims.iat,
            exp: claims.exp,
            nbf: claims.nbf,
            jti: Some(claims.jti),
            sid: claims.sid,
        }))
    }

    /// Whether the refresh token with the counter `presented` of this session is the current one, or its parent while that may
    /// be used.
    pub(super) fn would_refresh(&self, row: &SessionRow, presented: u64, now: Timestamp) -> bool {
        let rotation = Rotation {
            session: row.id,
            presented,
            now,
            grace: self.lifetimes.grace(),
            seen: self.activity.seen(row.id),
            max_age: self.lifetimes.max_age(),
            expires_at: row.expires_at,
            access_expires_at: row.expires_at,
        };
        row.would_refresh(&rotation)
    }

    fn refresh_token_of(&self, row: &SessionRow) -> ActiveToken {
        ActiveToken {
            token_type: "refresh_token",
            iss: self.issuer.name().to_owned(),
            sub: Subject::new(row.user, row.registered).to_string(),
            aud: None,
            client_id: CLIENT_ID,
            iat: row.rotated_at.unwrap_or(row.created_at).as_secs(),
            exp: row.expires_at.as_secs(),
            nbf: None,
            jti: None,
            sid: row.id,
        }
    }
}
