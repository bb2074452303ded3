//! What a token is worth (RFC 7662 §2.2).

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::access_token::CLIENT_ID;
use super::guest::Subject;
use super::sessions::{Sessions, UnavailableError};
use crate::clock::Timestamp;
use crate::store::{Rotation, SessionRow};

/// The answer of introspection (RFC 7662 §2.2).
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Introspection {
    /// Whether it would be accepted now. If not, nothing else is said.
    active: bool,
    #[serde(flatten)]
    #[schema(value_type = Facts)]
    facts: Option<Facts>,
}

/// What a valid token says; of another, nothing is said. Times are seconds since the Unix epoch.
#[derive(Debug, Serialize, ToSchema)]
struct Facts {
    /// `Bearer` for an access token. `refresh_token` for the other kind, which no resource may accept.
    #[schema(required = false)]
    token_type: &'static str,
    #[schema(required = false)]
    iss: String,
    #[schema(required = false)]
    sub: String,
    /// Of an access token: the API that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    aud: Option<String>,
    #[schema(required = false)]
    client_id: &'static str,
    #[schema(required = false)]
    iat: i64,
    #[schema(required = false)]
    exp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    nbf: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, required = false)]
    jti: Option<String>,
    /// The session that the token belongs to and is revoked with.
    #[schema(required = false)]
    sid: Uuid,
}

impl Sessions {
    /// What a token of either kind is worth now. Neither uses the token up nor counts as activity of the guest.
    pub(crate) async fn introspect(&self, token: &str, now: Timestamp) -> Result<Introspection, UnavailableError> {
        if let Some(presented) = self.read_refresh_token(token, now).await {
            let session = self.store.session(presented.session).await?;
            return Ok(session
                .filter(|row| self.would_refresh(row, presented.counter, now))
                .map_or_else(Introspection::default, |row| Introspection::of(self.facts_of_session(&row))));
        }
        // Learns of new keys, and of the session's end.
        if self.verify_access_token(token, now).await.is_err() {
            return Ok(Introspection::default());
        }
        let claims = self.verifier.claims(token, now).ok().filter(|claims| !self.revoked.contains(claims.sid));
        Ok(claims.map_or_else(Introspection::default, |claims| {
            Introspection::of(Facts {
                token_type: "Bearer",
                iss: claims.iss,
                // Who it is now: that guest may have become a member.
                sub: Subject::parse(&claims.sub).map_or(claims.sub, |named| self.members.now(named).to_string()),
                aud: Some(claims.aud),
                client_id: CLIENT_ID,
                iat: claims.iat,
                exp: claims.exp,
                nbf: claims.nbf,
                jti: Some(claims.jti),
                sid: claims.sid,
            })
        }))
    }

    fn would_refresh(&self, row: &SessionRow, presented: u64, now: Timestamp) -> bool {
        let rotation = Rotation {
            session: row.id,
            presented,
            now,
            grace: self.lifetimes.grace(),
            expires_at: row.expires_at,
            access_expires_at: row.expires_at,
        };
        row.would_refresh(&rotation)
    }

    fn facts_of_session(&self, row: &SessionRow) -> Facts {
        Facts {
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

impl Introspection {
    fn of(facts: Facts) -> Self {
        Self { active: true, facts: Some(facts) }
    }
}
