//! Access tokens: JWTs of the RFC 9068 profile.

use std::sync::Arc;

use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::algorithm::Algorithm;
use super::keys::Keys;
use crate::clock::Timestamp;
use crate::config::Config;

/// `typ` of an access token (RFC 9068 §2.1).
pub(crate) const TYPE: &str = "at+jwt";
/// `client_id` of every token: the SDK is one public client, and there is no registration of others.
pub(crate) const CLIENT_ID: &str = "guestpass";

/// What an access token says. Times are seconds since the Unix epoch.
///
/// A claim that is not listed makes a token invalid: a later server may add one that restricts the token, such as
/// `cnf`, and this one must then not take it for unrestricted.
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
    /// The session that the token belongs to and is revoked with.
    pub(crate) sid: Uuid,
}

/// The JOSE header of the tokens of one key, encoded.
pub(super) fn header(algorithm: Algorithm, kid: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm.name(), "typ": TYPE, "kid": kid }).to_string())
}

/// Why an access token could not be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    #[error("there is no key that signs")]
    NoKey,
    #[error("the key does not sign")]
    Key(#[from] Unspecified),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// Signs access tokens with the key whose time it is.
#[derive(Debug)]
pub(crate) struct Issuer {
    keys: Arc<Keys>,
    issuer: String,
    audience: String,
}

impl Issuer {
    pub(crate) fn new(keys: Arc<Keys>, config: &Config) -> Self {
        Self { keys, issuer: config.issuer.clone(), audience: config.audience.clone() }
    }

    /// `iss` of every token.
    pub(super) fn name(&self) -> &str {
        &self.issuer
    }

    pub(crate) fn issue(
        &self,
        subject: String,
        session: Uuid,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<String, SigningError> {
        let ring = self.keys.current();
        let key = ring.signing(now).ok_or(SigningError::NoKey)?;
        let claims = Claims {
            iss: self.issuer.clone(),
            sub: subject,
            aud: self.audience.clone(),
            client_id: CLIENT_ID.to_owned(),
            iat: now.as_secs(),
            exp: expires_at.as_secs(),
            nbf: None,
            jti: Uuid::now_v7().simple().to_string(),
            sid: session,
        };
        // The compact serialisation of RFC 7515 §7.1.
        let mut token = format!("{}.{}", key.header, URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims)?));
        let signature = key.pair.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}
