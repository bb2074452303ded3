//! Verification of access tokens in another service, with the public keys and the rules of the server.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use uuid::Uuid;

use super::guest::Kind;
use super::jwks::{JwksError, verifying_keys};
use super::key_rotation::ReloadLimiter;
use super::keys::VerifyingKeys;
use super::unauthorized::Unauthorized;
use super::verify::{AccessTokenError, CachedRules, Rules, Verified};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::secret::sha256;

/// The age at which keys are fetched again: the time for which a Guestpass server lets its JWK Set be cached.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// The greatest age of keys. An attacker who blocks the fetches must not keep a leaked key in use for longer.
const STALE: Duration = Duration::from_secs(60 * 60);
/// The least time between two fetches caused by tokens with unknown keys, because any client can send such tokens.
const FETCH_INTERVAL: Duration = Duration::from_secs(5);
/// The timeout of a fetch.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Verifies the access tokens of a Guestpass server in another service, with its public keys and no store.
///
/// Signature, header and claims are checked by the same rules as in the server. Keys are fetched at the first token, again
/// every five minutes, and when a token names an unknown key, at most every five seconds. While they cannot be fetched, the
/// last fetched keys are used for up to an hour.
///
/// Revocations are not known here: a token is accepted until it expires. Keep `--access-ttl` short, or use introspection.
///
/// Cheap to clone. Handlers take a [`Visitor`]:
///
/// ```
/// use axum::{Router, routing::get};
/// use guestpass_server::{ResourceServer, Visitor};
///
/// async fn orders(visitor: Visitor) -> String {
///     format!("the orders of {visitor}")
/// }
///
/// fn app(http: reqwest::Client) -> Router {
///     let guests = ResourceServer::new("https://api.shop.example", "guestpass", move || {
///         let request = http.get("https://api.shop.example/.well-known/jwks.json");
///         async move { request.send().await?.error_for_status()?.bytes().await }
///     });
///     Router::new().route("/orders", get(orders)).with_state(guests)
/// }
/// ```
#[derive(Clone)]
pub struct ResourceServer {
    inner: Arc<Inner>,
}

struct Inner {
    rules: CachedRules,
    keys: ArcSwap<PublishedKeys>,
    fetch: Fetch,
    fetches: ReloadLimiter,
    /// Whether a fetch runs in the background.
    fetching: AtomicBool,
    clock: Arc<dyn Clock>,
}

type Fetch = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send>> + Send + Sync>;

type FetchError = Box<dyn Error + Send + Sync>;

/// The last fetched keys.
struct PublishedKeys {
    keys: Arc<VerifyingKeys>,
    hash: [u8; 32],
    /// A number that changes with every change of the keys.
    generation: u64,
    fetched_at: Timestamp,
}

impl ResourceServer {
    /// Accepts tokens with this `iss` and `aud`: the values of the server's `--issuer` and `--audience`. `fetch` returns the
    /// text of the server's `/.well-known/jwks.json`, by any HTTP client.
    pub fn new<F, R, T, E>(issuer: &str, audience: &str, fetch: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, E>> + Send + 'static,
        T: AsRef<[u8]>,
        E: Into<FetchError>,
    {
        Self::new_at(issuer, audience, fetch, Arc::new(SystemClock))
    }

    /// As [`ResourceServer::new`] with another clock, for tests.
    pub fn new_at<F, R, T, E>(issuer: &str, audience: &str, fetch: F, clock: Arc<dyn Clock>) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, E>> + Send + 'static,
        T: AsRef<[u8]>,
        E: Into<FetchError>,
    {
        let fetch: Fetch = Box::new(move || {
            let text = fetch();
            Box::pin(async move { text.await.map(|text| text.as_ref().to_vec()).map_err(Into::into) })
        });
        let none = PublishedKeys {
            keys: Arc::default(),
            hash: [0; 32],
            generation: 0,
            fetched_at: Timestamp::from_millis(i64::MIN),
        };
        let inner = Inner {
            rules: CachedRules::new(Rules::new(issuer, audience)),
            keys: ArcSwap::from_pointee(none),
            fetch,
            fetches: ReloadLimiter::new(FETCH_INTERVAL),
            fetching: AtomicBool::new(false),
            clock,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Verifies an access token.
    ///
    /// # Errors
    /// The token is not valid, or no recent keys are available.
    pub async fn verify(&self, token: &str) -> Result<Visitor, VerifyError> {
        let now = self.inner.clock.now();
        if let Some(verified) = self.inner.cached(token, now) {
            return Ok(Visitor(verified));
        }
        let mut keys = self.inner.keys.load_full();
        if keys.age(now) > STALE {
            self.inner.fetch(keys.generation, now).await;
            keys = self.inner.keys.load_full();
            if keys.age(now) > STALE {
                return Err(VerifyError::KeysUnavailable);
            }
        } else if keys.age(now) > FRESH && !self.inner.fetching.swap(true, Ordering::Relaxed) {
            let (inner, generation) = (Arc::clone(&self.inner), keys.generation);
            tokio::spawn(async move {
                inner.fetch(generation, now).await;
                inner.fetching.store(false, Ordering::Relaxed);
            });
        }
        let mut verified = self.inner.rules.verify(token, &keys.keys, keys.generation, now);
        if verified == Err(AccessTokenError::UnknownKey) && self.inner.fetch(keys.generation, now).await {
            keys = self.inner.keys.load_full();
            verified = self.inner.rules.verify(token, &keys.keys, keys.generation, now);
        }
        verified.map(Visitor).map_err(|error| VerifyError::Unauthorized(error.into()))
    }
}

impl PublishedKeys {
    fn age(&self, now: Timestamp) -> Duration {
        now.since(self.fetched_at)
    }
}

impl Inner {
    /// The content of a token that was verified with the current keys, if they are fresh.
    fn cached(&self, token: &str, now: Timestamp) -> Option<Verified> {
        let keys = self.keys.load();
        if keys.age(now) > FRESH {
            return None;
        }
        self.rules.cached_at(token.as_bytes(), keys.generation, now)
    }

    /// Fetches the keys, unless a concurrent call has just fetched them. Returns whether they differ from those of
    /// `generation`.
    async fn fetch(&self, generation: u64, now: Timestamp) -> bool {
        let changed = || self.keys.load().generation != generation;
        let fetch = async || match tokio::time::timeout(FETCH_TIMEOUT, (self.fetch)()).await {
            Ok(Ok(text)) => {
                if let Err(error) = self.replace_keys(&text, now) {
                    tracing::error!(%error, "the fetched JWK Set cannot be used; the previous keys stay in use");
                }
            }
            Ok(Err(error)) => tracing::error!(%error, "the JWK Set could not be fetched"),
            Err(_) => tracing::error!("the JWK Set could not be fetched within 10 s"),
        };
        self.fetches.reload(now, changed, fetch).await
    }

    fn replace_keys(&self, text: &[u8], now: Timestamp) -> Result<(), JwksError> {
        let (current, hash) = (self.keys.load_full(), sha256(text));
        let is_changed = current.generation == 0 || current.hash != hash;
        let (keys, generation) = if is_changed {
            (Arc::new(verifying_keys(text)?), current.generation + 1)
        } else {
            (Arc::clone(&current.keys), current.generation)
        };
        self.keys.store(Arc::new(PublishedKeys { keys, hash, generation, fetched_at: now }));
        Ok(())
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer").field("rules", &self.inner.rules).finish_non_exhaustive()
    }
}

/// The visitor whose access token came with the request to a [`ResourceServer`].
///
/// A handler with this extractor runs only if the token is valid. `Display` writes the `sub` of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor(Verified);

impl Visitor {
    /// The key under which to store the data of this visitor. It stays the same when the guest registers.
    pub const fn id(&self) -> Uuid {
        self.0.subject.id
    }

    /// Whether the visitor was a guest or a member when the token was issued.
    pub const fn kind(&self) -> Kind {
        self.0.subject.kind
    }

    /// The session that the token belongs to.
    pub const fn session(&self) -> Uuid {
        self.0.session
    }
}

impl fmt::Display for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.subject.fmt(f)
    }
}

/// An error of the verification by a [`ResourceServer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The request has no token or an invalid one: 401 or 400, with the challenge of RFC 6750.
    Unauthorized(Unauthorized),
    /// The keys could not be fetched, and the last fetched ones are too old: 503.
    KeysUnavailable,
}
