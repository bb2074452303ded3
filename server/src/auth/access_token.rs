//! Access tokens: JWTs of the RFC 9068 profile.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::keys::Keys;
use crate::clock::Timestamp;
use crate::config::Config;
use crate::settings::Algorithm;
use crate::shared_time::SharedTime;

/// `typ` of an access token (RFC 9068 §2.1).
pub(crate) const TYPE: &str = "at+jwt";
/// `client_id` of every token: the SDK is one public client, and there is no registration of others.
pub(crate) const CLIENT_ID: &str = "guestpass";

/// The claims of an access token. Times are seconds since the Unix epoch.
///
/// An unknown claim makes a token invalid: a later version of the server may add one that restricts the token, such as `cnf`,
/// and this version must not accept the token as unrestricted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) sub: String,
    pub(crate) aud: String,
    pub(crate) client_id: String,
    pub(crate) iat: i64,
    pub(crate) exp: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<i64>,
    pub(crate) jti: String,
    /// The session of the token. The token is revoked with it.
    pub(crate) sid: Uuid,
    /// The generation of the session: the counter of the refresh token that was issued together with this token. Absent in the
    /// token of a session without refresh tokens, and in tokens of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) r#gen: Option<u64>,
}

/// The encoded JOSE header of the tokens of one key.
pub(super) fn header(algorithm: Algorithm, kid: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm.name(), "typ": TYPE, "kid": kid }).to_string())
}

/// An error of signing an access token.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    #[error("there is no signing key")]
    NoKey,
    #[error("the signing key failed")]
    Key(#[from] Unspecified),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Signs access tokens with the current key.
#[derive(Debug)]
pub(crate) struct Issuer {
    keys: Arc<Keys>,
    issuer: String,
    audience: String,
    shared_time: Arc<SharedTime>,
}

impl Issuer {
    pub(crate) fn new(keys: Arc<Keys>, config: &Config, shared_time: Arc<SharedTime>) -> Self {
        Self { keys, issuer: config.issuer.clone(), audience: config.audience.clone(), shared_time }
    }

    /// `iss` of every token.
    pub(super) fn name(&self) -> &str {
        &self.issuer
    }

    /// Signs a token of a session. `generation` is `None` for a session without refresh tokens. Such a long-lived token is for
    /// this server alone, because a verifier elsewhere would not learn of its revocation: its audience is the issuer.
    pub(crate) fn issue(
        &self,
        subject: String,
        session: Uuid,
        generation: Option<u64>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<String, SigningError> {
        let ring = self.keys.current();
        let key = ring.signing(now).ok_or(SigningError::NoKey)?;
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: subject,
            aud: if generation.is_some() { &self.audience } else { &self.issuer }.clone(),
            client_id: CLIENT_ID.to_owned(),
            // A node whose clock is ahead issues no token that the others take for one of the future.
            iat: now.min(self.shared_time.at(now)).as_secs(),
            exp: expires_at.as_secs(),
            nbf: None,
            jti: Uuid::now_v7().simple().to_string(),
            sid: session,
            r#gen: generation,
        };
        // The compact serialisation of RFC 7515 §7.1.
        let mut token = format!("{}.{}", key.header, URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?));
        let signature = key.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}
