//! An issuer's public keys: found by its discovery document (OpenID Connect Discovery §4), fetched with bounds, and kept.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::id_token::Rules;
use super::is_secure;
use crate::accounts::AccountError;
use crate::clock::Timestamp;

/// For how long keys are used without asking again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// For how long they are used while their issuer does not answer.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// How often a token with an unknown key makes us ask: anybody can make one up.
const ASK_AGAIN: Duration = Duration::from_secs(10);
/// Of one request. There are two, one after the other.
const TIMEOUT: Duration = Duration::from_secs(4);
/// Bytes of an answer.
const LONGEST: usize = 256 * 1024;
/// Keys of one issuer that are looked at.
const MOST_KEYS: usize = 100;

/// Asks issuers. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Http(reqwest::Client);

#[derive(Debug)]
pub(super) struct Provider {
    pub(super) rules: Rules,
    http: Http,
    /// Held while asking, so that everybody who needs the keys waits for one answer.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: Arc<Vec<Jwk>>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

/// What the discovery document says that matters here.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: Url,
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Value>,
}

impl Provider {
    pub(super) fn new(rules: Rules, http: Http) -> Self {
        Self { rules, http, kept: Mutex::default() }
    }

    /// The keys, asked for if need be.
    pub(super) async fn keys(&self, now: Timestamp) -> Result<Arc<Vec<Jwk>>, AccountError> {
        let mut kept = self.kept.lock().await;
        if !is_within(kept.fetched_at, FRESH, now) {
            self.ask(&mut kept, now).await?;
        }
        Ok(Arc::clone(&kept.keys))
    }

    /// The keys after asking again, unless that has just been done.
    pub(super) async fn newer_keys(&self, now: Timestamp) -> Result<Arc<Vec<Jwk>>, AccountError> {
        let mut kept = self.kept.lock().await;
        if !is_within(kept.tried_at, ASK_AGAIN, now) {
            self.ask(&mut kept, now).await?;
        }
        Ok(Arc::clone(&kept.keys))
    }

    async fn ask(&self, kept: &mut Kept, now: Timestamp) -> Result<(), AccountError> {
        let may_ask = !is_within(kept.tried_at, ASK_AGAIN, now);
        let answer = if may_ask { Some(self.fetch().await) } else { None };
        if may_ask {
            kept.tried_at = Some(now);
        }
        match answer {
            Some(Ok(keys)) => {
                kept.keys = Arc::new(keys);
                kept.fetched_at = Some(now);
                return Ok(());
            }
            Some(Err(error)) => {
                tracing::warn!(issuer = self.rules.issuer, %error, "an issuer's keys could not be fetched")
            }
            None => {}
        }
        if is_within(kept.fetched_at, STALE, now) { Ok(()) } else { Err(AccountError::IssuerSilent) }
    }

    async fn fetch(&self) -> Result<Vec<Jwk>, FetchError> {
        let url = format!("{}/.well-known/openid-configuration", self.rules.issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| FetchError::Document("the issuer is no URL"))?;
        let Discovery { issuer, jwks_uri } = self.http.json(url).await?;
        if issuer != self.rules.issuer {
            return Err(FetchError::Document("the discovery document is of another issuer"));
        }
        if !is_secure(&jwks_uri) {
            return Err(FetchError::Document("the jwks_uri is not https"));
        }
        let KeySet { keys } = self.http.json(jwks_uri).await?;
        // A key of a kind that is not known here is somebody else's business (RFC 7517 §5).
        Ok(keys.into_iter().take(MOST_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect())
    }
}

/// A clock that was set back makes nothing last longer.
fn is_within(since: Option<Timestamp>, span: Duration, now: Timestamp) -> bool {
    since.is_some_and(|since| since <= now && now < since + span)
}

/// Why there are no keys; for the log.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}")]
    Http(String),
    #[error("it answered {0}")]
    Status(u16),
    #[error("its answer is longer than {LONGEST} bytes")]
    TooLong,
    #[error("its answer cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("{0}")]
    Document(&'static str),
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        let mut told = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            told = format!("{told}: {error}");
            cause = error.source();
        }
        Self::Http(told)
    }
}

impl Http {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The operator has named a host: no answer leads to another one.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("guestpass/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self(client))
    }

    async fn json<T: DeserializeOwned>(&self, url: Url) -> Result<T, FetchError> {
        let mut response = self.0.get(url).header("accept", "application/json").send().await?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > LONGEST {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&body)?)
    }
}
