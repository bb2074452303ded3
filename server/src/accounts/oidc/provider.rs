//! The public keys of an issuer: found by its discovery document (OpenID Connect Discovery §4), fetched with limits, and cached.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use super::id_token::Rules;
use crate::accounts::AccountError;
use crate::clock::Timestamp;
use crate::settings::is_secure;

/// How long fetched keys are used before they are fetched again.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// How long fetched keys are used while the issuer does not respond.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// The least time between two fetches. Any client can cause a fetch, with a forged token that names an unknown key.
const FETCH_INTERVAL: Duration = Duration::from_secs(10);
/// The timeout of one request. A fetch makes two requests, one after the other.
const TIMEOUT: Duration = Duration::from_secs(4);
/// The greatest length of a response in bytes.
const MAX_LENGTH: usize = 256 * 1024;
/// The greatest number of keys of one issuer that are read.
const MAX_KEYS: usize = 100;

/// The client for requests to issuers. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct HttpClient(reqwest::Client);

#[derive(Debug)]
pub(super) struct Provider {
    pub(super) rules: Rules,
    http: HttpClient,
    /// Locked during a fetch, so that all requests that need the keys wait for one fetch.
    cache: Mutex<CachedKeys>,
}

#[derive(Debug, Default)]
struct CachedKeys {
    keys: Arc<Vec<Jwk>>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

/// The members of the discovery document that are used here.
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
    pub(super) fn new(rules: Rules, http: HttpClient) -> Self {
        Self { rules, http, cache: Mutex::default() }
    }

    /// The keys, fetched if necessary.
    pub(super) async fn keys(&self, now: Timestamp) -> Result<Arc<Vec<Jwk>>, AccountError> {
        let mut cache = self.cache.lock().await;
        if !is_within(cache.fetched_at, FRESH, now) {
            self.update(&mut cache, now).await?;
        }
        Ok(Arc::clone(&cache.keys))
    }

    /// The keys after another fetch, unless the last fetch is recent.
    pub(super) async fn newer_keys(&self, now: Timestamp) -> Result<Arc<Vec<Jwk>>, AccountError> {
        let mut cache = self.cache.lock().await;
        if !is_within(cache.tried_at, FETCH_INTERVAL, now) {
            self.update(&mut cache, now).await?;
        }
        Ok(Arc::clone(&cache.keys))
    }

    async fn update(&self, cache: &mut CachedKeys, now: Timestamp) -> Result<(), AccountError> {
        let may_fetch = !is_within(cache.tried_at, FETCH_INTERVAL, now);
        let fetched = if may_fetch { Some(self.fetch().await) } else { None };
        if may_fetch {
            cache.tried_at = Some(now);
        }
        match fetched {
            Some(Ok(keys)) => {
                cache.keys = Arc::new(keys);
                cache.fetched_at = Some(now);
                return Ok(());
            }
            Some(Err(error)) => {
                tracing::warn!(issuer = self.rules.issuer, %error, "the keys of an issuer of ID tokens could not be fetched")
            }
            None => {}
        }
        if is_within(cache.fetched_at, STALE, now) { Ok(()) } else { Err(AccountError::IssuerUnavailable) }
    }

    async fn fetch(&self) -> Result<Vec<Jwk>, FetchError> {
        let url = format!("{}/.well-known/openid-configuration", self.rules.issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| FetchError::Document("the issuer is not a URL"))?;
        let Discovery { issuer, jwks_uri } = self.http.json(url).await?;
        if issuer != self.rules.issuer {
            return Err(FetchError::Document("the discovery document names another issuer"));
        }
        if !is_secure(&jwks_uri) {
            return Err(FetchError::Document("the jwks_uri is not https"));
        }
        let KeySet { keys } = self.http.json(jwks_uri).await?;
        // Keys of unknown types are ignored (RFC 7517 §5).
        Ok(keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect())
    }
}

/// Whether `now` is within `span` after `since`. False if the clock was set back, so that no span is extended by that.
fn is_within(since: Option<Timestamp>, span: Duration, now: Timestamp) -> bool {
    since.is_some_and(|since| since <= now && now < since + span)
}

/// An error of a fetch, for the log.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("{0}")]
    Http(String),
    #[error("the response has the status {0}")]
    Status(u16),
    #[error("the response is longer than {MAX_LENGTH} bytes")]
    TooLong,
    #[error("the response cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    #[error("{0}")]
    Document(&'static str),
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Http(text)
    }
}

impl HttpClient {
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            // The operator has chosen the host, so a response must not lead to another one.
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
            if body.len() + chunk.len() > MAX_LENGTH {
                return Err(FetchError::TooLong);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(serde_json::from_slice(&body)?)
    }
}
