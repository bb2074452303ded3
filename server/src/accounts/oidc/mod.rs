//! OpenID Connect: ID tokens of issuers that the operator trusts.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod http;
mod id_token;
mod provider;
mod reach;

use std::sync::Arc;

use serde_json::Value;

pub(crate) use self::id_token::IdTokenError;

use url::Url;

use self::http::HttpClient;
use self::id_token::{IdToken, Rules};
use self::provider::{Provider, TIMEOUT};
use self::reach::Reach;
use super::{AccountError, EmailAddress};
use crate::clock::Timestamp;
use crate::config::{Config, ConfigError};
use crate::settings::OidcIssuer;
use crate::store::Identity;

/// The issuers whose ID tokens are accepted.
#[derive(Debug)]
pub(crate) struct TrustedIssuers(Vec<Arc<Provider>>);

/// The content of a valid ID token.
#[derive(Debug)]
pub(crate) struct VerifiedIdToken {
    pub(crate) identity: Identity,
    /// The e-mail address, if the issuer has verified that it is the user's.
    pub(crate) email: Option<EmailAddress>,
    /// See [`IdToken::hash`].
    pub(crate) token_hash: [u8; 32],
    pub(crate) token_expires_at: Timestamp,
}

impl TrustedIssuers {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let mut issuers: Vec<Rules> = Vec::new();
        for OidcIssuer { issuer, client_id } in &config.oidc_issuers {
            match issuers.iter_mut().find(|rules| rules.issuer == *issuer) {
                Some(rules) => rules.client_ids.push(client_id.clone()),
                None => issuers.push(Rules {
                    issuer: issuer.clone(),
                    client_ids: vec![client_id.clone()],
                    require_hashed_nonce: config.require_hashed_nonce,
                }),
            }
        }
        let unusable = |error: &dyn std::error::Error| ConfigError::new("--oidc-issuer", error.to_string());
        let provider = |rules: Rules| {
            let url = Url::parse(&rules.issuer).map_err(|error| unusable(&error))?;
            let reach = Reach::new(&url, &config.oidc_private_networks);
            let http = HttpClient::new(reach, TIMEOUT).map_err(|error| unusable(&error))?;
            Ok(Provider::new(rules, http))
        };
        Ok(Self(issuers.into_iter().map(provider).collect::<Result<_, _>>()?))
    }

    /// Compares the configured name of each issuer with that in its discovery document, all at once. Logs what is wrong.
    pub(crate) async fn check(&self) {
        let checks = self.0.iter().map(|provider| {
            let provider = Arc::clone(provider);
            tokio::spawn(async move { provider.check_name().await })
        });
        for check in checks.collect::<Vec<_>>() {
            // An error means that the check has panicked or that the process ends.
            let _ = check.await;
        }
    }

    /// The error of a token whose issuer is not configured. If the names differ by a slash at the end only, the log of the issuer's
    /// next fetch names both.
    async fn unknown_issuer(&self, issuer: &str, now: Timestamp) -> IdTokenError {
        let bare = issuer.trim_end_matches('/');
        if let Some(similar) = self.0.iter().find(|provider| provider.rules.issuer.trim_end_matches('/') == bare) {
            drop(similar.keys(now).await);
            return IdTokenError(
                "the setting --oidc-issuer of this server writes its issuer with or without a slash at the end",
            );
        }
        IdTokenError("this server does not trust its issuer")
    }

    /// Checks everything except whether the token has been used before.
    pub(crate) async fn verify(
        &self,
        token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<VerifiedIdToken, AccountError> {
        let read = IdToken::read(token)?;
        let provider = match self.0.iter().find(|provider| provider.rules.issuer == read.issuer()) {
            Some(provider) => provider,
            None => return Err(self.unknown_issuer(read.issuer(), now).await.into()),
        };
        let mut keys = provider.keys(now).await?;
        if !read.may_have_key_among(&keys) {
            // The issuer may have rotated its keys.
            keys = provider.newer_keys(now).await?;
        }
        let hash = read.hash();
        let claims = read.verify(&keys, &provider.rules, nonce, now)?;
        let is_verified = match &claims.email_verified {
            Value::Bool(verified) => *verified,
            // Some issuers write the boolean as a text.
            Value::String(verified) => verified == "true",
            _ => false,
        };
        let email = claims.email.filter(|_| is_verified).and_then(|email| EmailAddress::parse(&email).ok());
        Ok(VerifiedIdToken {
            identity: Identity { issuer: claims.iss, subject: claims.sub },
            email,
            token_hash: hash,
            token_expires_at: Timestamp::from_secs(claims.exp),
        })
    }
}
