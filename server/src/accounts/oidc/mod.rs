//! OpenID Connect: ID tokens of issuers that the operator trusts.

#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod id_token;
mod provider;

use std::fmt;
use std::str::FromStr;

use serde_json::Value;
use url::Url;

use self::id_token::{IdToken, Rules};
use self::provider::{Http, Provider};
use super::{EmailAddress, AccountError};
use crate::clock::Timestamp;
use crate::config::{Config, ConfigError, InvalidValue};
use crate::store::Identity;

/// An issuer of ID tokens, and who this app is to it: `URL=CLIENT_ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcIssuer {
    issuer: String,
    client_id: String,
}

impl FromStr for OidcIssuer {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const EXPECTED: InvalidValue = InvalidValue::new(
            "expected URL=CLIENT_ID with the issuer's https:// URL as its tokens name it, such as \
             https://accounts.example=my-app; http:// is for this machine only",
        );
        let (issuer, client_id) = text.split_once('=').ok_or(EXPECTED)?;
        let url = Url::parse(issuer).map_err(|_| EXPECTED)?;
        let plain = !issuer.contains(['?', '#']) && !text.contains(char::is_whitespace);
        if client_id.is_empty() || !plain || !is_secure(&url) {
            return Err(EXPECTED);
        }
        Ok(Self { issuer: issuer.to_owned(), client_id: client_id.to_owned() })
    }
}

impl fmt::Display for OidcIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.issuer, self.client_id)
    }
}

/// What nobody can read or change on its way: TLS, or this machine.
fn is_secure(url: &Url) -> bool {
    let is_here = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

/// Everybody whose word is taken.
#[derive(Debug)]
pub(crate) struct Issuers(Vec<Provider>);

/// What an ID token proves.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) identity: Identity,
    /// If the issuer has seen to it that it is theirs.
    pub(crate) email: Option<EmailAddress>,
    /// Of the token; see [`IdToken::hash`].
    pub(crate) hash: [u8; 32],
    pub(crate) expires_at: Timestamp,
}

impl Issuers {
    pub(crate) fn new(config: &Config) -> Result<Self, ConfigError> {
        let mut providers: Vec<Provider> = Vec::new();
        let mut http = None;
        for OidcIssuer { issuer, client_id } in &config.oidc_issuers {
            if let Some(known) = providers.iter_mut().find(|known| known.rules.issuer == *issuer) {
                known.rules.client_ids.push(client_id.clone());
                continue;
            }
            let http = match &http {
                Some(http) => Http::clone(http),
                None => http
                    .insert(Http::new().map_err(|error| ConfigError::new("--oidc-issuer", error.to_string()))?)
                    .clone(),
            };
            let rules = Rules { issuer: issuer.clone(), client_ids: vec![client_id.clone()] };
            providers.push(Provider::new(rules, http));
        }
        Ok(Self(providers))
    }

    /// Checks everything but whether the token has been used before.
    pub(crate) async fn verify(&self, token: &str, nonce: Option<&str>, now: Timestamp) -> Result<Proven, AccountError> {
        let read = IdToken::read(token).map_err(AccountError::InvalidIdToken)?;
        let provider = self
            .0
            .iter()
            .find(|provider| provider.rules.issuer == read.issuer())
            .ok_or(AccountError::InvalidIdToken("it is from an issuer that is not known here"))?;
        let mut keys = provider.keys(now).await?;
        if !read.has_key_among(&keys) {
            // The issuer may have new ones.
            keys = provider.newer_keys(now).await?;
        }
        let hash = read.hash();
        let claims = read.verify(&keys, &provider.rules, nonce, now).map_err(AccountError::InvalidIdToken)?;
        let is_verified = match &claims.email_verified {
            Value::Bool(verified) => *verified,
            // As some issuers write it.
            Value::String(verified) => verified == "true",
            _ => false,
        };
        let email = claims.email.filter(|_| is_verified).and_then(|email| EmailAddress::parse(&email).ok());
        Ok(Proven {
            identity: Identity { issuer: claims.iss, subject: claims.sub },
            email,
            hash,
            expires_at: Timestamp::from_secs(claims.exp),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_named_by_its_url_and_our_name_there() {
        let read: OidcIssuer = "https://accounts.example/tenant=my=app".parse().unwrap();
        assert_eq!((read.issuer.as_str(), read.client_id.as_str()), ("https://accounts.example/tenant", "my=app"));
        assert_eq!(read.to_string().parse::<OidcIssuer>().unwrap(), read);
        for local in ["http://localhost:9000=app", "http://127.0.0.1:9000=app", "http://[::1]:9000=app"] {
            assert!(local.parse::<OidcIssuer>().is_ok(), "{local}");
        }
        for bad in [
            "",
            "https://accounts.example",
            "https://accounts.example=",
            "accounts.example=app",
            "http://accounts.example=app",
            "ftp://accounts.example=app",
            "https://accounts.example?a=app",
            "https://accounts.example/#a=app",
            "https://accounts.example=my app",
        ] {
            assert!(bad.parse::<OidcIssuer>().is_err(), "{bad}");
        }
    }
}
