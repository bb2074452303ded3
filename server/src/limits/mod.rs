//! The limits against abuse: which requests are counted, by which key, how many are allowed, and when a login needs a proof of
//! work. `routes::limits` applies these limits to HTTP requests.
//!
//! Each node counts for itself: behind a load balancer, the effective limit of a client is at most the configured limit times
//! the number of nodes. Counting in the store would cost a write for each login, even a refused one.

mod address;
mod password_attempts;
mod proof;
mod rate;
mod recent;
mod retries;

use std::sync::Arc;
use std::time::Duration;

pub use self::address::ClientNetwork;

pub(crate) use self::address::TrustedProxies;
pub(crate) use self::proof::{CHALLENGE, PROOF_REQUIRED, ProofError};

use self::password_attempts::PasswordAttempts;
use self::proof::Proofs;
use self::rate::{Count, Limiter, RequestQuota};
use self::retries::LoginRetries;
use crate::auth::Keys;
use crate::clock::Clock;
use crate::config::Config;
use crate::metrics::Metrics;
use crate::secret::sha256;
use crate::settings::Rate;

/// The limits of one server.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) proxies: TrustedProxies,
    login: ClientAndTotal,
    refresh: ClientAndTotal,
    account: Option<Limiter<ClientNetwork>>,
    password_logins: Option<PasswordAttempts>,
    password_registrations: Option<PasswordAttempts>,
    retries: LoginRetries,
    proofs: Option<Proofs>,
    metrics: Arc<Metrics>,
}

/// A login that may proceed.
#[derive(Debug)]
pub(crate) struct AdmittedLogin {
    pub(crate) limits: Vec<LimitState>,
    /// An idempotency key derived from the proof of work, if the client sent no key.
    pub(crate) replacement_key: Option<String>,
}

/// A login that may not proceed.
#[derive(Debug)]
pub(crate) enum LoginLimited {
    /// The login needs a proof of work.
    ProofRequired {
        /// The problem of the proof that came with the login.
        error: ProofError,
        /// A new challenge as JSON. `None`: a challenge could not be made.
        challenge: Option<serde_json::Value>,
    },
    /// A rate limit is exhausted.
    RateLimited(RateLimited),
}

impl Limits {
    pub(crate) fn new(config: &Config, keys: &Arc<Keys>, clock: &Arc<dyn Clock>, metrics: &Arc<Metrics>) -> Self {
        Self {
            proxies: TrustedProxies::new(&config.trusted_proxies),
            login: ClientAndTotal::new(config.login_rate, config.login_rate_total, clock),
            refresh: ClientAndTotal::new(config.refresh_rate, config.refresh_rate_total, clock),
            account: Limiter::new(config.account_rate, Arc::clone(clock)),
            password_logins: PasswordAttempts::new(config.password_rate, clock),
            password_registrations: PasswordAttempts::new(config.password_rate, clock),
            retries: LoginRetries::new(),
            proofs: Proofs::new(config.login_proof, keys, clock),
            metrics: Arc::clone(metrics),
        }
    }

    /// Counts a login of a guest. `key` is the SHA-256 of the idempotency key, and `proof` the proof of work, if the client
    /// sent them. A few retries of an admitted login are not counted.
    pub(crate) async fn admit_login(
        &self,
        client: Option<ClientNetwork>,
        key: Option<[u8; 32]>,
        proof: Option<&[u8]>,
    ) -> Result<AdmittedLogin, LoginLimited> {
        if key.as_ref().is_some_and(|key| self.retries.is_uncounted(key)) {
            return Ok(AdmittedLogin { limits: Vec::new(), replacement_key: None });
        }
        let mut replacement_key = None;
        // Checked before the login is counted: a login that is refused with a challenge does not count against a limit.
        if let Some(proofs) = &self.proofs {
            replacement_key = proofs.check(proof, key.as_ref()).await.map_err(|error| {
                self.metrics.limited("login", "proof");
                LoginLimited::ProofRequired { error, challenge: proofs.challenge(key.as_ref()) }
            })?;
        }
        let limits = self.login.admit("logins", client);
        let limits = self.record_refusal("login", limits).map_err(LoginLimited::RateLimited)?;
        if let Some(key) = replacement_key.as_ref().map(|key| sha256(key.as_bytes())).or(key) {
            self.retries.record(key);
        }
        Ok(AdmittedLogin { limits, replacement_key })
    }

    /// Counts a refresh.
    pub(crate) fn admit_refresh(&self, client: Option<ClientNetwork>) -> Result<Vec<LimitState>, RateLimited> {
        self.record_refusal("refresh", self.refresh.admit("refreshes", client))
    }

    /// Counts a request to become a member or to sign in as one.
    pub(crate) fn admit_account_request(&self, client: Option<ClientNetwork>) -> Result<Vec<LimitState>, RateLimited> {
        let (Some(limiter), Some(client)) = (&self.account, client) else { return Ok(Vec::new()) };
        let mut counting = Counting::new("attempts");
        let counted = counting.count(BY_CLIENT, limiter.quota, limiter.count(client));
        self.record_refusal("account", counted.map(|()| counting.limits))
    }

    /// Counts an attempt to log in with the password of one account.
    pub(crate) fn admit_password_login(&self, email: &str, client: Option<ClientNetwork>) -> Result<(), RateLimited> {
        self.admit_password(self.password_logins.as_ref(), email, client)
    }

    /// Counts an attempt to register an e-mail address with a password. These attempts are counted apart from logins.
    pub(crate) fn admit_password_registration(
        &self,
        email: &str,
        client: Option<ClientNetwork>,
    ) -> Result<(), RateLimited> {
        self.admit_password(self.password_registrations.as_ref(), email, client)
    }

    /// Forgets all attempts at the password of the account with this SHA-256 of its e-mail address.
    pub(crate) fn unlock_account(&self, account: &[u8; 32]) {
        for attempts in [&self.password_logins, &self.password_registrations].into_iter().flatten() {
            attempts.forget(account);
        }
    }

    fn admit_password(
        &self,
        attempts: Option<&PasswordAttempts>,
        email: &str,
        client: Option<ClientNetwork>,
    ) -> Result<(), RateLimited> {
        let Some(attempts) = attempts else { return Ok(()) };
        self.record_refusal("password", attempts.admit(email, client))
    }

    /// Records a refused request in the metrics.
    fn record_refusal<T>(&self, endpoint: &'static str, admitted: Result<T, RateLimited>) -> Result<T, RateLimited> {
        admitted.inspect_err(|limited| self.metrics.limited(endpoint, limited.policy))
    }
}

/// A limit for each client and a limit for all clients together.
#[derive(Debug)]
struct ClientAndTotal {
    by_client: Option<Limiter<ClientNetwork>>,
    total: Option<Limiter<()>>,
}

/// The names of the limits, in header fields and problems.
const BY_CLIENT: &str = "client";
const TOTAL: &str = "total";
const BY_ACCOUNT: &str = "account";
const ACCOUNT_TOTAL: &str = "account-total";

impl ClientAndTotal {
    fn new(by_client: Rate, total: Rate, clock: &Arc<dyn Clock>) -> Self {
        Self { by_client: Limiter::new(by_client, Arc::clone(clock)), total: Limiter::new(total, Arc::clone(clock)) }
    }

    /// Counts a request. If the limit of the client refuses it, it does not count against the total.
    fn admit(&self, requests: &'static str, client: Option<ClientNetwork>) -> Result<Vec<LimitState>, RateLimited> {
        let mut counting = Counting::new(requests);
        if let (Some(limiter), Some(client)) = (&self.by_client, client) {
            counting.count(BY_CLIENT, limiter.quota, limiter.count(client))?;
        }
        if let Some(limiter) = &self.total {
            counting.count(TOTAL, limiter.quota, limiter.count(()))?;
        }
        Ok(counting.limits)
    }
}

/// The state of one limit after a request. Times are whole seconds, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LimitState {
    /// The name of the limit.
    pub(crate) policy: &'static str,
    /// The number of requests that the limit allows per `window`.
    pub(crate) quota: u32,
    pub(crate) window: u64,
    /// How many more requests may come at once.
    pub(crate) remaining: u32,
    /// When one more request may come.
    pub(crate) next: u64,
}

/// A request that a rate limit refuses.
#[derive(Debug)]
pub(crate) struct RateLimited {
    /// The name of the exhausted limit.
    pub(crate) policy: &'static str,
    /// In how many seconds the client may try again.
    pub(crate) retry_after: u64,
    pub(crate) limits: Vec<LimitState>,
    /// The counted requests, in the plural.
    requests: &'static str,
}

impl RateLimited {
    /// A text for the developer of the client.
    pub(crate) fn detail(&self) -> String {
        let scope = match self.policy {
            BY_CLIENT => "from your network",
            BY_ACCOUNT => "for this account from your network",
            ACCOUNT_TOTAL => "for this account",
            _ => "from all clients together",
        };
        format!("Too many {} {scope}. Try again in {} s.", self.requests, self.retry_after)
    }
}

/// Counts one request against several limits.
#[derive(Debug)]
struct Counting {
    requests: &'static str,
    limits: Vec<LimitState>,
}

impl Counting {
    fn new(requests: &'static str) -> Self {
        Self { requests, limits: Vec::new() }
    }

    fn count(&mut self, policy: &'static str, quota: RequestQuota, count: Count) -> Result<(), RateLimited> {
        let next = whole_seconds(count.next);
        let (quota, window) = (quota.count.get(), whole_seconds(quota.per));
        self.limits.push(LimitState { policy, quota, window, remaining: count.remaining, next });
        if count.allowed {
            return Ok(());
        }
        let limits = std::mem::take(&mut self.limits);
        Err(RateLimited { policy, retry_after: next, limits, requests: self.requests })
    }
}

/// Rounds up, so that a client that waits for that time does not come too early.
fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
