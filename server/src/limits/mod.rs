//! The limits against abuse: which requests are counted, by which key, how many are allowed, and when a login needs a proof of
//! work. `routes::limits` applies these limits to HTTP requests.
//!
//! Each node counts for itself: behind a load balancer, the effective limit of a client is at most the configured limit times
//! the number of nodes. Counting in the store would cost a write for each login, even a refused one.

mod address;
mod admission;
mod captcha;
mod fair_queue;
mod foreign_page;
mod password_attempts;
mod proof;
mod rate;
mod recent;
mod retries;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

pub use self::address::ClientNetwork;

pub(crate) use self::address::TrustedProxies;
pub(crate) use self::admission::{Admitted, LimitState, RateLimited};
pub(crate) use self::captcha::{CAPTCHA_REQUIRED, CaptchaError};
pub(crate) use self::fair_queue::{FairQueue, QueueFull, Share};
pub(crate) use self::foreign_page::{PageOrigins, RequestSource};
pub(crate) use self::proof::{CHALLENGE, PROOF_REQUIRED, ProofError};

use self::admission::{BY_MEMBER, BY_SESSION, ByNetwork, Limit, TOTAL, admit};
use self::captcha::{Captchas, CheckError as CaptchaCheckError};
use self::password_attempts::PasswordAttempts;
use self::proof::{CheckError, Proofs};
use self::rate::{Key, Limiter, MonotonicClock};
use self::retries::LoginRetries;
use crate::auth::Keys;
use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::metrics::Metrics;
use crate::secret::sha256;
use crate::settings::Rate;
use crate::store::{AccountKey, KnownNetwork, Store};

/// The limits of one server.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) proxies: TrustedProxies,
    page_origins: PageOrigins,
    logins: Option<ByNetwork>,
    all_logins: Option<Limiter>,
    refreshes: Option<Limiter>,
    all_refreshes: Option<Limiter>,
    failed_refreshes: Option<ByNetwork>,
    account_requests: Option<ByNetwork>,
    repeated_sign_ins: Option<Limiter>,
    password_logins: Option<PasswordAttempts>,
    password_registrations: Option<PasswordAttempts>,
    retries: LoginRetries,
    proofs: Option<Proofs>,
    captchas: Option<Captchas>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

/// A login that may proceed.
#[derive(Debug)]
pub(crate) struct AdmittedLogin<'a> {
    pub(crate) admitted: Admitted<'a>,
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
    /// The login needs the token of a CAPTCHA.
    CaptchaRequired(CaptchaError),
    /// A rate limit is exhausted.
    RateLimited(RateLimited),
    /// Too many proofs or tokens wait for their check, or the service that verifies tokens is not available.
    Unavailable,
}

/// How often a member may sign in to the same account again. Each sign-in opens a session and adds to the audit trail.
const REPEATED_SIGN_INS: Rate = Rate::Limit { count: NonZeroU32::new(60).unwrap(), per: Duration::from_secs(60 * 60) };

/// How long a network from which a member has signed in is remembered.
pub(crate) const KNOWN_NETWORK_RETENTION: Duration = Duration::from_secs(90 * 24 * 60 * 60);

impl Limits {
    pub(crate) fn new(
        config: &Config,
        keys: &Arc<Keys>,
        store: &Arc<dyn Store>,
        clock: &Arc<dyn Clock>,
        metrics: &Arc<Metrics>,
    ) -> Result<Self, ConfigError> {
        let monotonic = MonotonicClock::new(clock);
        let limiter = |rate: Rate| Limiter::new(rate, &monotonic);
        let by_network = |rate: Rate| ByNetwork::new(rate, &monotonic);
        Ok(Self {
            proxies: TrustedProxies::new(&config.trusted_proxies),
            page_origins: PageOrigins::new(config),
            logins: by_network(config.login_rate),
            all_logins: limiter(config.login_rate_total),
            refreshes: limiter(config.refresh_rate),
            all_refreshes: limiter(config.refresh_rate_total),
            failed_refreshes: by_network(config.failed_refresh_rate),
            account_requests: by_network(config.account_rate),
            repeated_sign_ins: limiter(REPEATED_SIGN_INS).filter(|_| config.account_rate != Rate::Off),
            password_logins: PasswordAttempts::new(config.password_rate, &monotonic),
            password_registrations: PasswordAttempts::new(config.password_rate, &monotonic),
            retries: LoginRetries::new(),
            proofs: Proofs::new(config.login_proof, keys, clock, &monotonic),
            captchas: Captchas::new(config, &monotonic)?,
            store: Arc::clone(store),
            clock: Arc::clone(clock),
            metrics: Arc::clone(metrics),
        })
    }

    /// Whether a request comes from a page of another site. It is counted in the metrics, and against no limit (S13).
    pub(crate) fn is_foreign_page(&self, source: RequestSource<'_>) -> bool {
        let is_foreign = self.page_origins.is_foreign(source);
        if is_foreign {
            self.metrics.limited("any", "origin");
        }
        is_foreign
    }

    /// Counts a login of a guest. `key` is the SHA-256 of the idempotency key, `proof` the proof of work, and `captcha` the token
    /// of a CAPTCHA, if the client sent them. A few retries of an admitted login are not counted, and need no proof and no token.
    pub(crate) async fn admit_login(
        &self,
        address: Option<IpAddr>,
        key: Option<[u8; 32]>,
        proof: Option<&[u8]>,
        captcha: Option<&str>,
    ) -> Result<AdmittedLogin<'_>, LoginLimited> {
        let client = address.map(ClientNetwork::from);
        if key.as_ref().is_some_and(|key| self.retries.is_uncounted(key)) {
            return Ok(AdmittedLogin { admitted: Admitted::default(), replacement_key: None });
        }
        let mut replacement_key = None;
        // Checked before the login is counted: a login that is refused with a challenge does not count against a limit.
        if let Some(proofs) = &self.proofs {
            replacement_key = proofs.check(proof, key.as_ref(), client).await.map_err(|error| match error {
                CheckError::Proof(error) => {
                    self.metrics.limited("login", "proof");
                    LoginLimited::ProofRequired { error, challenge: proofs.challenge(key.as_ref()) }
                }
                CheckError::RateLimited(limited) => {
                    self.metrics.limited("login", "wrong-proofs");
                    LoginLimited::RateLimited(limited)
                }
                CheckError::QueueFull => {
                    self.metrics.limited("login", "queue");
                    LoginLimited::Unavailable
                }
            })?;
        }
        // After the proof: a token can be verified once only, so it must not be used up by a login that lacks the proof.
        if let Some(captchas) = &self.captchas {
            captchas.check(captcha, address).await.map_err(|error| {
                let (limit, refusal) = match error {
                    CaptchaCheckError::Captcha(error) => ("captcha", LoginLimited::CaptchaRequired(error)),
                    CaptchaCheckError::RateLimited(limited) => ("wrong-captchas", LoginLimited::RateLimited(limited)),
                    CaptchaCheckError::QueueFull => ("queue", LoginLimited::Unavailable),
                    CaptchaCheckError::Unavailable => ("captcha-service", LoginLimited::Unavailable),
                };
                self.metrics.limited("login", limit);
                refusal
            })?;
        }
        let limits = by_network(self.logins.as_ref(), client).chain(total(self.all_logins.as_ref()));
        let admitted = self.record_refusal("login", admit("logins", limits)).map_err(LoginLimited::RateLimited)?;
        if let Some(key) = replacement_key.as_ref().map(|key| sha256(key.as_bytes())).or(key) {
            self.retries.record(key);
        }
        Ok(AdmittedLogin { admitted, replacement_key })
    }

    /// Counts a refresh with an authentic refresh token of this session.
    pub(crate) fn admit_refresh(&self, session: Uuid) -> Result<Admitted<'_>, RateLimited> {
        let by_session = self.refreshes.as_ref();
        let by_session =
            by_session.map(|limiter| Limit { limiter, key: Key::Session(session), policy: BY_SESSION }).into_iter();
        let limits = by_session.chain(total(self.all_refreshes.as_ref()));
        self.record_refusal("refresh", admit("refreshes", limits))
    }

    /// Counts a refresh with a text that is not a refresh token of this server.
    pub(crate) fn admit_failed_refresh(&self, client: Option<ClientNetwork>) -> Result<Admitted<'_>, RateLimited> {
        let limits = by_network(self.failed_refreshes.as_ref(), client);
        self.record_refusal("refresh", admit("invalid refresh tokens", limits))
    }

    /// Counts a request to become a member or to sign in as one. The caller takes it back if it does not fail.
    pub(crate) fn admit_account_request(&self, client: Option<ClientNetwork>) -> Result<Admitted<'_>, RateLimited> {
        let limits = by_network(self.account_requests.as_ref(), client);
        self.record_refusal("account", admit("failed attempts", limits))
    }

    /// Counts a request of a member to sign in again. Guests are not counted here: each of them signs in once.
    pub(crate) fn admit_repeated_sign_in(&self, member: Uuid) -> Result<Admitted<'_>, RateLimited> {
        let limits = self.repeated_sign_ins.as_ref();
        let limits = limits.map(|limiter| Limit { limiter, key: Key::Member(member), policy: BY_MEMBER });
        self.record_refusal("account", admit("sign-ins", limits))
    }

    /// Counts an attempt to log in with the password of one account. The caller takes it back unless the password is wrong.
    pub(crate) async fn admit_password_login(
        &self,
        email: &str,
        client: Option<ClientNetwork>,
    ) -> Result<Admitted<'_>, RateLimited> {
        let Some(attempts) = &self.password_logins else { return Ok(Admitted::default()) };
        let mut admitted = attempts.admit(email, client);
        if let (Err(limited), Some(client)) = (&admitted, client)
            && self.is_known_network(email, client).await
        {
            // The client may try again as soon as one of the two limits allows it.
            let retry_after = limited.retry_after;
            admitted = attempts.admit_known(email, client).map_err(|mut known| {
                known.retry_after = known.retry_after.min(retry_after);
                known
            });
        }
        self.record_refusal("password", admitted)
    }

    /// Counts an attempt to register an e-mail address with a password. These attempts are counted apart from logins.
    pub(crate) fn admit_password_registration(
        &self,
        email: &str,
        client: Option<ClientNetwork>,
    ) -> Result<Admitted<'_>, RateLimited> {
        let Some(attempts) = &self.password_registrations else { return Ok(Admitted::default()) };
        self.record_refusal("password", attempts.admit(email, client))
    }

    /// Forgets the password attempts for the account with this SHA-256 of its e-mail address, so that its owner can try again
    /// at once.
    pub(crate) fn unlock_account(&self, account: &[u8; 32]) {
        for attempts in [&self.password_logins, &self.password_registrations].into_iter().flatten() {
            attempts.forget(account);
        }
    }

    /// Remembers that a member has signed in from this network: guesses from other networks do not lock the member out there.
    pub(crate) async fn remember_network(&self, member: Uuid, client: Option<ClientNetwork>) {
        let (Some(client), now) = (client, self.clock.now()) else { return };
        if let Err(error) = self.store.remember_network(known_network(member, client), now).await {
            // The sign-in has succeeded, and the network is remembered at the next one.
            tracing::warn!(%error, "the network of a member could not be remembered");
        }
    }

    /// Whether the owner of an account has signed in from this network before.
    async fn is_known_network(&self, email: &str, client: ClientNetwork) -> bool {
        let since = self.clock.now() - KNOWN_NETWORK_RETENTION;
        let known = async {
            match self.store.account(AccountKey::Email(email.to_owned())).await? {
                Some(account) => self.store.is_known_network(known_network(account.user, client), since).await,
                None => Ok(false),
            }
        };
        known.await.unwrap_or_else(|error| {
            tracing::error!(%error, "the networks of a member could not be read");
            false
        })
    }

    /// Records a refused request in the metrics.
    fn record_refusal<T>(&self, endpoint: &'static str, admitted: Result<T, RateLimited>) -> Result<T, RateLimited> {
        admitted.inspect_err(|limited| self.metrics.limited(endpoint, limited.policy))
    }
}

fn by_network(limits: Option<&ByNetwork>, client: Option<ClientNetwork>) -> impl Iterator<Item = Limit<'_>> {
    limits.zip(client).into_iter().flat_map(|(limits, client)| limits.limits(client))
}

fn total(limiter: Option<&Limiter>) -> impl Iterator<Item = Limit<'_>> {
    limiter.map(|limiter| Limit { limiter, key: Key::All, policy: TOTAL }).into_iter()
}

fn known_network(member: Uuid, client: ClientNetwork) -> KnownNetwork {
    // With the member, so that the same network of two members cannot be recognized.
    let hash = sha256(format!("{member} {client}").as_bytes());
    KnownNetwork { user: member, hash }
}
