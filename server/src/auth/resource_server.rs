//! Verification elsewhere: a service with nothing but the public keys, held to the same rules as the server itself.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use uuid::Uuid;

use super::bearer::bearer_token;
use super::guest::Kind;
use super::jwks::{JwksError, verifying_keys};
use super::keys::VerifyingKeys;
use super::rotation::Reloads;
use super::verify::{CachedRules, AccessTokenError, Verified};
use crate::clock::{Clock, SystemClock, Timestamp};
use crate::error::{Problem, Unauthorized};
use crate::secret::sha256;

/// How old keys may be before they are fetched again: as long as a Guestpass server lets its JWKS be kept.
const FRESH: Duration = Duration::from_secs(5 * 60);
/// How old keys may be at most: somebody who keeps us from fetching must not keep a leaked key alive.
const STALE: Duration = Duration::from_secs(60 * 60);
/// How often a fetch may be caused by tokens whose key is not known: anybody can make those up.
const PAUSE: Duration = Duration::from_secs(5);
/// What a fetch may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Verifies the access tokens of a Guestpass server in another service, with its public keys and no store.
///
/// Signature, header and claims are held to the same rules as by the server itself. Keys are fetched at the first token,
/// again every five minutes, and when a token names a key that is not known, at most every five seconds. While they cannot
/// be fetched, the ones at hand serve for an hour.
///
/// Revocation is not heard of: a token is good until it expires. Keep `--access-ttl` short, or introspect.
///
/// Cheap to clone. A handler takes a [`Visitor`]:
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
    fetches: Reloads,
    /// Somebody fetches, and nobody waits.
    fetching: AtomicBool,
    clock: Arc<dyn Clock>,
}

type Fetch = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<Vec<u8>, FetchError>> + Send>> + Send + Sync>;

type FetchError = Box<dyn Error + Send + Sync>;

/// What was fetched last.
struct PublishedKeys {
    keys: Arc<VerifyingKeys>,
    hash: [u8; 32],
    /// Another number for every other text.
    generation: u64,
    fetched_at: Timestamp,
}

impl ResourceServer {
    /// For tokens with this `iss` and this `aud`: the values of the server's `--issuer` and `--audience`. `fetch` gets the
    /// text of its `/.well-known/jwks.json`, by whatever HTTP client the service has.
    pub fn new<F, R, T, E>(issuer: &str, audience: &str, fetch: F) -> Self
    where
        F: Fn() -> R + Send + Sync + 'static,
        R: Future<Output = Result<T, E>> + Send + 'static,
        T: AsRef<[u8]>,
        E: Into<FetchError>,
    {
        Self::new_at(issuer, audience, fetch, Arc::new(SystemClock))
    }

    /// The same with a clock of one's own, for tests.
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
            rules: CachedRules::new(issuer, audience),
            keys: ArcSwap::from_pointee(none),
            fetch,
            fetches: Reloads::new(PAUSE),
            fetching: AtomicBool::new(false),
            clock,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Verifies an access token.
    ///
    /// # Errors
    /// The token is not good, or there are no keys to tell it by.
    pub async fn verify(&self, token: &str) -> Result<Visitor, VerifyError> {
        let now = self.inner.clock.now();
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
        let mut verdict = self.inner.rules.verify(token, &keys.keys, keys.generation, now);
        if verdict == Err(AccessTokenError::UnknownKey) && self.inner.fetch(keys.generation, now).await {
            keys = self.inner.keys.load_full();
            verdict = self.inner.rules.verify(token, &keys.keys, keys.generation, now);
        }
        verdict.map(Visitor).map_err(|rejection| VerifyError::Unauthorized(rejection.into()))
    }
}

impl PublishedKeys {
    fn age(&self, now: Timestamp) -> Duration {
        now.since(self.fetched_at)
    }
}

impl Inner {
    /// Fetches the keys unless somebody has just done so. Says whether they are others than those of `generation`.
    async fn fetch(&self, generation: u64, now: Timestamp) -> bool {
        let changed = || self.keys.load().generation != generation;
        let fetch = async || match tokio::time::timeout(PATIENCE, (self.fetch)()).await {
            Ok(Ok(text)) => {
                if let Err(error) = self.take_over(&text, now) {
                    tracing::error!(%error, "the JWK Set cannot be used; the keys before stay");
                }
            }
            Ok(Err(error)) => tracing::error!(%error, "the JWK Set could not be fetched"),
            Err(_) => tracing::error!("the JWK Set was not fetched in time"),
        };
        self.fetches.reload(now, changed, fetch).await
    }

    fn take_over(&self, text: &[u8], now: Timestamp) -> Result<(), JwksError> {
        let (current, hash) = (self.keys.load_full(), sha256(text));
        let is_news = current.generation == 0 || current.hash != hash;
        let (keys, generation) = if is_news {
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
/// A handler that takes this is reached only with a valid token. It displays as the token's `sub`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visitor(Verified);

impl Visitor {
    /// The key under which to store what belongs to this visitor. It stays the same when the guest registers.
    pub const fn id(&self) -> Uuid {
        self.0.subject.id
    }

    /// Whether it had registered when the token was made.
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

impl<S> FromRequestParts<S> for Visitor
where
    S: Send + Sync,
    ResourceServer: FromRef<S>,
{
    type Rejection = VerifyError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, VerifyError> {
        let token = bearer_token(parts).map_err(|error| VerifyError::Unauthorized(error.into()))?;
        ResourceServer::from_ref(state).verify(token).await
    }
}

/// Why a [`ResourceServer`] does not know who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The request has no token, or one that is not good: 401 or 400, with the challenge of RFC 6750.
    Unauthorized(Unauthorized),
    /// The keys could not be fetched, and there are none at hand that are recent enough: 503.
    KeysUnavailable,
}

impl IntoResponse for VerifyError {
    fn into_response(self) -> Response {
        match self {
            Self::Unauthorized(unauthorized) => unauthorized.into_response(),
            Self::KeysUnavailable => Problem::unavailable().into_response(),
        }
    }
}
