//! The public keys of an issuer: found by its discovery document (OpenID Connect Discovery §4), fetched with limits, and cached.
//!
//! At most one fetch runs for each issuer, in its own task. Requests that can use the cached keys do not wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jsonwebtoken::jwk::Jwk;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};
use url::Url;

use super::http::{FetchError, HttpClient};
use super::id_token::{IdTokenError, Rules};
use crate::accounts::AccountError;
use crate::clock::Timestamp;

/// How long fetched keys are used without another fetch.
const FRESH: Duration = Duration::from_secs(30 * 60);
/// How long fetched keys are used while they are fetched again. After that, a request waits for the fetch, so that a key that
/// the issuer has withdrawn is not used longer.
const USABLE: Duration = Duration::from_secs(60 * 60);
/// How long fetched keys are used while the issuer does not respond.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
/// The least time between two fetches, also after a fetch that failed. Any client can cause a fetch, with a forged token that
/// names an unknown key.
const FETCH_INTERVAL: Duration = Duration::from_secs(10);
/// The timeout of one request. A fetch makes two requests, one after the other.
pub(super) const TIMEOUT: Duration = Duration::from_secs(4);
/// How long a request waits for a fetch if it can use stale keys.
const STALE_WAIT: Duration = Duration::from_secs(2);
/// The greatest number of requests that wait for the fetch of one issuer. More get 503 at once.
const MAX_WAITING: usize = 64;
/// The greatest number of keys of one issuer that are read.
const MAX_KEYS: usize = 100;

/// A mistake in the settings, which a client cannot wait out.
const MISNAMED: IdTokenError = IdTokenError(
    "the setting --oidc-issuer of this server and the discovery document of its issuer have different names for it",
);

#[derive(Debug)]
pub(super) struct Provider {
    pub(super) rules: Rules,
    http: HttpClient,
    /// Never locked during a fetch.
    cache: Mutex<CachedKeys>,
    waiting: Semaphore,
}

#[derive(Debug, Default)]
struct CachedKeys {
    keys: Arc<Vec<Jwk>>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
    /// Whether the last discovery document named another issuer, so that no token can be accepted.
    misnamed: bool,
    /// The last fetch. The channel is closed when the fetch ends.
    fetch: Option<watch::Receiver<()>>,
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
    pub(super) fn new(rules: Rules, http: HttpClient) -> Arc<Self> {
        Arc::new(Self { rules, http, cache: Mutex::default(), waiting: Semaphore::new(MAX_WAITING) })
    }

    /// The keys, fetched if necessary.
    pub(super) async fn keys(self: &Arc<Self>, now: Timestamp) -> Result<Arc<Vec<Jwk>>, AccountError> {
        let (fetch, has_keys) = {
            let mut cache = self.lock();
            if is_within(cache.fetched_at, FRESH, now) {
                return Ok(Arc::clone(&cache.keys));
            }
            let fetch = self.start_fetch(&mut cache, now);
            if cache.misnamed && !is_within(cache.fetched_at, STALE, now) {
                // At once: the fetch finds out whether this has been corrected.
                return Err(MISNAMED.into());
            }
            if is_within(cache.fetched_at, USABLE, now) {
                return Ok(Arc::clone(&cache.keys));
            }
            (fetch, is_within(cache.fetched_at, STALE, now))
        };
        if has_keys {
            // The stale keys are used if the fetch fails, takes longer, or too many requests wait for it.
            let _ = tokio::time::timeout(STALE_WAIT, self.wait(fetch)).await;
        } else {
            self.wait(fetch).await?;
        }
        self.cached_keys(now)
    }

    /// The keys after another fetch, unless the last fetch is recent.
    pub(super) async fn newer_keys(self: &Arc<Self>, now: Timestamp) -> Result<Arc<Vec<Jwk>>, AccountError> {
        let fetch = self.start_fetch(&mut self.lock(), now);
        self.wait(fetch).await?;
        self.cached_keys(now)
    }

    fn lock(&self) -> MutexGuard<'_, CachedKeys> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached_keys(&self, now: Timestamp) -> Result<Arc<Vec<Jwk>>, AccountError> {
        let cache = self.lock();
        if is_within(cache.fetched_at, STALE, now) {
            return Ok(Arc::clone(&cache.keys));
        }
        if cache.misnamed {
            return Err(MISNAMED.into());
        }
        Err(AccountError::IssuerUnavailable)
    }

    /// The fetch in progress. If there is none, starts one, unless the last one is recent.
    fn start_fetch(self: &Arc<Self>, cache: &mut CachedKeys, now: Timestamp) -> Option<watch::Receiver<()>> {
        let in_progress = cache.fetch.clone().filter(|fetch| fetch.has_changed().is_ok());
        if in_progress.is_some() || is_within(cache.tried_at, FETCH_INTERVAL, now) {
            return in_progress;
        }
        let (end, fetch) = watch::channel(());
        cache.fetch = Some(fetch.clone());
        cache.tried_at = Some(now);
        let this = Arc::clone(self);
        // In a task of its own, so that it goes on when the client that caused it disconnects.
        tokio::spawn(async move {
            match this.fetch().await {
                Ok(keys) => {
                    let mut cache = this.lock();
                    cache.keys = Arc::new(keys);
                    cache.fetched_at = Some(now);
                    cache.misnamed = false;
                }
                Err(error) => this.report(&error),
            }
            drop(end);
        });
        Some(fetch)
    }

    /// Waits for the end of a fetch. An error means that too many requests wait for it.
    async fn wait(&self, fetch: Option<watch::Receiver<()>>) -> Result<(), AccountError> {
        let Some(mut fetch) = fetch else { return Ok(()) };
        let _place = self.waiting.try_acquire().map_err(|_| AccountError::IssuerUnavailable)?;
        // An error means that the channel is closed: the fetch has ended.
        let _ = fetch.changed().await;
        Ok(())
    }

    /// Compares the configured name with that in the discovery document. Logs what is wrong.
    pub(super) async fn check_name(&self) {
        if let Err(error) = self.discover().await {
            self.report(&error);
        }
    }

    fn report(&self, error: &FetchError) {
        let issuer = &self.rules.issuer;
        if matches!(error, FetchError::Name { .. }) {
            self.lock().misnamed = true;
            tracing::error!(issuer, "an issuer of ID tokens has another name, so its tokens are refused: {error}");
        } else {
            tracing::warn!(issuer, %error, "the keys of an issuer of ID tokens could not be fetched");
        }
    }

    async fn fetch(&self) -> Result<Vec<Jwk>, FetchError> {
        let KeySet { keys } = self.http.json(self.discover().await?).await?;
        // Keys of unknown types are ignored (RFC 7517 §5).
        Ok(keys.into_iter().take(MAX_KEYS).filter_map(|key| serde_json::from_value(key).ok()).collect())
    }

    /// The URL of the keys, from the discovery document.
    async fn discover(&self) -> Result<Url, FetchError> {
        let url = format!("{}/.well-known/openid-configuration", self.rules.issuer.trim_end_matches('/'));
        let url = Url::parse(&url).map_err(|_| FetchError::Document("the issuer is not a URL"))?;
        let Discovery { issuer, jwks_uri } = self.http.json(url).await?;
        if issuer != self.rules.issuer {
            // For the log: in one line, and not longer than a URL.
            let found = issuer.chars().filter(|c| !c.is_control()).take(256).collect();
            return Err(FetchError::Name { configured: self.rules.issuer.clone(), found });
        }
        Ok(jwks_uri)
    }
}

/// Whether `now` is within `span` after `since`. False if the clock was set back, so that no span is extended by that.
fn is_within(since: Option<Timestamp>, span: Duration, now: Timestamp) -> bool {
    since.is_some_and(|since| since <= now && now < since + span)
}

#[cfg(test)]
mod tests;
