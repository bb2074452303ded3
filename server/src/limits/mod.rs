//! Limits against abuse: how often a client, and everybody together, may log in and refresh, and how often the password of
//! one account may be tried.
//!
//! Each node counts for itself: behind a load balancer the limit of one client is at most the limit here times the number
//! of nodes. Counting in the store would cost every login a write before it is known to be wanted.

mod address;
mod attempts;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod proof;
mod rate;
mod retries;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use guestpass_core::wire::IDEMPOTENCY_KEY;

use self::address::TrustedProxies;
use self::attempts::Attempts;
use self::proof::Proofs;
use self::rate::{Allowance, Count, Limiter};
use self::retries::Retries;
use crate::auth::Keys;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Problem, TokenError};
use crate::metrics::Metrics;
use crate::secret::sha256;
use crate::server::Guestpass;

pub use self::address::ClientNetwork;
pub use self::proof::ProofOfWork;
pub use self::rate::Rate;

pub(crate) use self::proof::PROOF_OF_WORK;

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The limits of one server.
#[derive(Debug)]
pub(crate) struct Limits {
    proxies: TrustedProxies,
    login: Pair,
    refresh: Pair,
    account: Option<Limiter<ClientNetwork>>,
    password_logins: Option<Attempts>,
    password_registrations: Option<Attempts>,
    retries: Retries,
    proofs: Option<Proofs>,
    metrics: Arc<Metrics>,
}

impl Limits {
    pub(crate) fn new(config: &Config, keys: &Arc<Keys>, clock: &Arc<dyn Clock>, metrics: &Arc<Metrics>) -> Self {
        Self {
            proxies: TrustedProxies::new(&config.trusted_proxies),
            login: Pair::new(config.login_rate, config.login_rate_total, clock),
            refresh: Pair::new(config.refresh_rate, config.refresh_rate_total, clock),
            account: Limiter::new(config.account_rate, Arc::clone(clock)),
            password_logins: Attempts::new(config.password_rate, clock),
            password_registrations: Attempts::new(config.password_rate, clock),
            retries: Retries::new(),
            proofs: Proofs::new(config.login_proof, keys, clock),
            metrics: Arc::clone(metrics),
        }
    }

    /// The client behind a request.
    pub(crate) fn client_of(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<ClientNetwork> {
        self.proxies.client_of(headers, extensions)
    }

    /// Counts an attempt to log in with the password of one account.
    ///
    /// # Errors
    /// The answer to an attempt that comes too soon.
    #[expect(clippy::result_large_err, reason = "the error is the answer")]
    pub(crate) fn count_password_login(&self, email: &str, Client(client): Client) -> Result<(), Response> {
        self.count_password(self.password_logins.as_ref(), email, client)
    }

    /// Counts an attempt to register an e-mail address with a password: nothing that logging in would miss.
    ///
    /// # Errors
    /// The answer to an attempt that comes too soon.
    #[expect(clippy::result_large_err, reason = "the error is the answer")]
    pub(crate) fn count_password_registration(&self, email: &str, Client(client): Client) -> Result<(), Response> {
        self.count_password(self.password_registrations.as_ref(), email, client)
    }

    #[expect(clippy::result_large_err, reason = "the error is the answer")]
    fn count_password(
        &self,
        attempts: Option<&Attempts>,
        email: &str,
        client: Option<ClientNetwork>,
    ) -> Result<(), Response> {
        let Some(attempts) = attempts else { return Ok(()) };
        attempts.admit(email, client).map_err(|refusal| {
            self.metrics.limited("password", refusal.policy);
            let problem = Problem::quota_exceeded(refusal.detail("attempts"), refusal.policy);
            with(problem.into_response(), refusal.headers)
        })
    }
}

/// Where a request comes from, if the embedding application says who is connected.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Client(Option<ClientNetwork>);

impl FromRequestParts<Guestpass> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, Guestpass { inner }: &Guestpass) -> Result<Self, Infallible> {
        Ok(Self(inner.limits.client_of(&parts.headers, &parts.extensions)))
    }
}

/// Guards what makes members and lets them in.
pub(crate) async fn limit_accounts(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    let client = limits.proxies.client_of(request.headers(), request.extensions());
    let (Some(limiter), Some(client)) = (&limits.account, client) else { return next.run(request).await };
    let mut fields = Fields::default();
    match fields.count(BY_CLIENT, limiter.quota, limiter.count(client)) {
        Ok(()) => {
            let mut response = next.run(request).await;
            // An answer that was refused for its account says so itself.
            if !response.headers().contains_key(RATE_LIMIT) {
                response.headers_mut().extend(fields.headers());
            }
            response
        }
        Err(refusal) => {
            limits.metrics.limited("account", refusal.policy);
            let problem = Problem::quota_exceeded(refusal.detail("attempts"), refusal.policy);
            with(problem.into_response(), refusal.headers)
        }
    }
}

/// Guards `POST /anonymous-login`.
pub(crate) async fn limit_logins(State(limits): State<Arc<Limits>>, mut request: Request, next: Next) -> Response {
    let hash_of_key = |headers: &HeaderMap| only(headers, IDEMPOTENCY_KEY).map(|key| sha256(key.as_bytes()));
    let mut key = hash_of_key(request.headers());
    if key.as_ref().is_some_and(|key| limits.retries.is_free(key)) {
        return next.run(request).await;
    }
    // Before the count: who was sent away to work has not used up anything.
    if let Some(proofs) = &limits.proofs {
        match proofs.check(request.headers(), key.as_ref()).await {
            Ok(Some(stand_in)) => {
                request.headers_mut().insert(IDEMPOTENCY_KEY, stand_in);
                key = hash_of_key(request.headers());
            }
            Ok(None) => {}
            Err(error) => {
                limits.metrics.limited("login", "proof");
                return proofs.demand(error, key.as_ref()).into_response();
            }
        }
    }
    match limits.login.admit(limits.proxies.client_of(request.headers(), request.extensions())) {
        Ok(headers) => {
            if let Some(key) = key {
                limits.retries.note(key);
            }
            with(next.run(request).await, headers)
        }
        Err(refusal) => {
            limits.metrics.limited("login", refusal.policy);
            let problem = Problem::quota_exceeded(refusal.detail("logins"), refusal.policy);
            with(problem.into_response(), refusal.headers)
        }
    }
}

/// Guards `POST /token`.
pub(crate) async fn limit_refreshes(State(limits): State<Arc<Limits>>, request: Request, next: Next) -> Response {
    match limits.refresh.admit(limits.proxies.client_of(request.headers(), request.extensions())) {
        Ok(headers) => with(next.run(request).await, headers),
        Err(refusal) => {
            limits.metrics.limited("refresh", refusal.policy);
            with(TokenError::TooManyRequests.into_response(), refusal.headers)
        }
    }
}

/// A limit for each client and one for all of them.
#[derive(Debug)]
struct Pair {
    by_client: Option<Limiter<ClientNetwork>>,
    total: Option<Limiter<()>>,
}

/// The names of the limits in the header fields and in problems.
const BY_CLIENT: &str = "client";
const TOTAL: &str = "total";
const BY_ACCOUNT: &str = "account";
const ACCOUNT_TOTAL: &str = "account-total";

impl Pair {
    fn new(by_client: Rate, total: Rate, clock: &Arc<dyn Clock>) -> Self {
        Self { by_client: Limiter::new(by_client, Arc::clone(clock)), total: Limiter::new(total, Arc::clone(clock)) }
    }

    /// Counts a request. One that is refused because of its client does not count for everybody.
    fn admit(&self, client: Option<ClientNetwork>) -> Result<HeaderMap, RateLimited> {
        let mut fields = Fields::default();
        if let (Some(limiter), Some(client)) = (&self.by_client, client) {
            fields.count(BY_CLIENT, limiter.quota, limiter.count(client))?;
        }
        if let Some(limiter) = &self.total {
            fields.count(TOTAL, limiter.quota, limiter.count(()))?;
        }
        Ok(fields.headers())
    }
}

/// A request that came too soon.
#[derive(Debug)]
struct RateLimited {
    policy: &'static str,
    after: u64,
    headers: HeaderMap,
}

impl RateLimited {
    fn detail(&self, what: &str) -> String {
        let whose = match self.policy {
            BY_CLIENT => "from your network",
            BY_ACCOUNT => "for this account from your network",
            ACCOUNT_TOTAL => "for this account",
            _ => "at the moment",
        };
        format!("There are too many {what} {whose}. Try again in {} s.", self.after)
    }
}

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10): lists of structured fields (RFC 9651).
#[derive(Debug, Default)]
struct Fields {
    policies: Vec<String>,
    limits: Vec<String>,
}

impl Fields {
    fn count(&mut self, name: &'static str, quota: Allowance, count: Count) -> Result<(), RateLimited> {
        let next = whole_seconds(count.next);
        self.policies.push(format!("\"{name}\";q={};w={}", quota.count, whole_seconds(quota.per)));
        self.limits.push(format!("\"{name}\";r={};t={next}", count.remaining));
        if count.allowed {
            return Ok(());
        }
        let mut headers = std::mem::take(self).headers();
        headers.insert(RETRY_AFTER, HeaderValue::from(next));
        Err(RateLimited { policy: name, after: next, headers })
    }

    fn headers(self) -> HeaderMap {
        let fields = [(RATE_LIMIT_POLICY, self.policies), (RATE_LIMIT, self.limits)];
        let fields = fields.into_iter().filter(|(_, list)| !list.is_empty());
        // They are printable ASCII, so none is left out.
        fields.filter_map(|(name, list)| Some((name, HeaderValue::try_from(list.join(", ")).ok()?))).collect()
    }
}

/// Rounded up: whoever waits that long has waited long enough.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn with(mut response: Response, headers: HeaderMap) -> Response {
    response.headers_mut().extend(headers);
    response
}

/// The value of a header that comes once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}
