//! The settings of a server, and the checks across them.

use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use ipnet::IpNet;

use crate::collections::Collections;
use crate::secret::sha256;
use crate::settings::{
    Algorithm, CaptchaSecret, CaptchaUrl, InvalidValue, KeyEncryptionKey, OidcIssuer, Origin, ProofOfWork, Rate,
};
use crate::store::postgres::PostgresUrl;

/// The settings of a server. The program `guestpass` has a flag for each field, and the same defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Where all data is kept: a SQLite file for one server, or a PostgreSQL database for any number of servers. Default:
    /// `sqlite:guestpass.db`.
    pub store: StoreLocation,

    /// URL at which clients reach this server; the claim `iss` of every token. Access tokens with another `iss` are refused;
    /// sessions with a refresh token continue. Default: `http://localhost:8000`.
    pub issuer: String,

    /// Name of the API that the tokens are for; the claim `aud` of access tokens that come with a refresh token. A token
    /// without one is for this server alone, and its `aud` is the issuer; so this must differ from the issuer, unless
    /// [`require_refresh`](Self::require_refresh) is set. Default: `guestpass`.
    pub audience: String,

    /// Lifetime of an access token that comes with a refresh token. Default: 15 minutes.
    pub access_ttl: Duration,

    /// Lifetime of a session that is not refreshed. Each refresh starts it again. Default: 30 days.
    pub refresh_ttl: Duration,

    /// Lifetime of the single token that a client without refresh gets. Default: 30 days.
    pub guest_token_ttl: Duration,

    /// How long after a refresh the used refresh token still returns the same successor: for lost responses, and for tabs
    /// that refresh concurrently. A later use of it revokes the session. Default: 60 seconds.
    pub refresh_grace: Duration,

    /// How long an inactive guest is kept. A guest with a session that can still be used is never removed. Default: 90 days.
    pub guest_retention: Duration,

    /// How long an ended session is kept. Default: 7 days.
    pub session_retention: Duration,

    /// How long an entry of the audit trail is kept. Default: 90 days.
    pub audit_retention: Duration,

    /// The greatest number of entries of the audit trail. The oldest ones are deleted first. Default: 1,000,000.
    pub audit_entries: u32,

    /// How many percent of the guests all sweeps together may remove within 24 hours, from 1 to 100; at least 100 guests. 100 is
    /// no limit. Default: 10.
    pub sweep_limit: u8,

    /// How access tokens are signed. Tokens that were signed with another algorithm before stay valid. Default:
    /// [`Algorithm::EdDsa`].
    pub algorithm: Algorithm,

    /// How many guests one client may create. A client is an IPv4 address or the /64 network of an IPv6 address
    /// ([`ClientNetwork`](crate::ClientNetwork)); all clients of an IPv6 /56 together may create twice as many, and those of a
    /// /48 three times as many. Default: 1000 per hour, enough for a school or for the customers that share an address of their
    /// provider.
    pub login_rate: Rate,

    /// How many guests all clients together may create. Default: 200,000 per hour.
    pub login_rate_total: Rate,

    /// How often one session may refresh. Default: 600 per hour.
    pub refresh_rate: Rate,

    /// How often all sessions together may refresh. Default: [`Rate::Off`].
    pub refresh_rate_total: Rate,

    /// How often one client may send a text that is not a refresh token of this server to `POST /token`. These requests count
    /// against no other limit. Default: 3600 per hour.
    pub failed_refresh_rate: Rate,

    /// How often one client may fail to register, to log in to an account or to link one. Requests that succeed, and those
    /// without a valid credential of a guest, do not count. Default: 300 in 10 minutes.
    pub account_rate: Rate,

    /// How many wrong passwords one client may send for one e-mail address; here, a client is an IPv4 address or an IPv6 /48.
    /// All clients together may send ten times as many; a network from which the member has signed in within 90 days keeps its
    /// own limit even then. Registrations and logins are counted separately. Default: 10 in 15 minutes.
    pub password_rate: Rate,

    /// Proof of work (ALTCHA, version 2) that a client needs to create a guest. Default: [`ProofOfWork::Off`].
    pub login_proof: ProofOfWork,

    /// URL at which a service verifies the tokens of its CAPTCHA. With it, a client needs such a token to create a guest.
    /// Default: none.
    pub captcha_verify_url: Option<CaptchaUrl>,

    /// The secret that the service of [`captcha_verify_url`](Self::captcha_verify_url) has given to this site. Default: none.
    pub captcha_secret: Option<CaptchaSecret>,

    /// Proxies in front of this server. The address of a client is read from the `X-Forwarded-For` that they write. Without
    /// this setting, all clients behind a proxy count as one client. Default: none.
    pub trusted_proxies: Vec<IpNet>,

    /// Whether a login without `{"refresh": true}` is refused, so that no long-lived token is issued. Default: `false`.
    pub require_refresh: bool,

    /// The longest time from the creation of a session to its end, however often it is refreshed. `None`: no limit. Default:
    /// `None`.
    pub session_max_age: Option<Duration>,

    /// Key-encryption keys, which encrypt the keys in the store so that a copy of the database signs nothing. The first encrypts
    /// new keys; each of them decrypts, so that the key can be replaced while servers run. Default: none, and new keys are stored
    /// in plain text.
    pub key_encryption_keys: Vec<KeyEncryptionKey>,

    /// Secrets of the services that may use `POST /introspect` (RFC 7662). Each of them is accepted, so that a secret can be
    /// replaced without an outage. Default: none, and the endpoint responds with 404.
    pub introspection_secrets: Vec<IntrospectionSecret>,

    /// Web origins whose pages may call this server (CORS). Requests of other foreign pages that would change something are
    /// refused, and use up no limit. The origin of [`issuer`](Self::issuer) needs no setting. Default: none.
    pub cors_origins: Vec<Origin>,

    /// Domain that passkeys belong to: the domain of the pages, or one above it. Default: the domain of
    /// [`issuer`](Self::issuer); if that is an IP address, there are no passkeys.
    pub passkey_domain: Option<String>,

    /// Web origins on whose pages passkeys may be used. Default: the issuer, and each of
    /// [`cors_origins`](Self::cors_origins) that belongs to the domain.
    pub passkey_origins: Vec<Origin>,

    /// OpenID Connect issuers whose ID tokens `POST /link` accepts, with the client ids of this app at them. Default: none.
    pub oidc_issuers: Vec<OidcIssuer>,

    /// Private networks in which issuers and their keys may be. The server sends no requests to other private addresses, except
    /// to the host of an issuer that is configured by an address or as `localhost`. Default: none.
    pub oidc_private_networks: Vec<IpNet>,

    /// The collections of a guest's data. Default: `cart`, `favorites`, `history` and `preferences`.
    pub collections: Collections,

    /// Whether an ID token must have a nonce that is the SHA-256 of the nonce of the request. Default: `false`.
    pub require_hashed_nonce: bool,
    /// Whether the page `/docs/` is served, which shows the OpenAPI document. Default: `true`.
    pub docs: bool,

    /// Directory with an `index.html`, which is served at every path that is not part of the API and not below one of its paths.
    /// Default: none.
    pub static_dir: Option<PathBuf>,

    /// JSON file with the items of `GET /items/`. [`Guestpass::open`](crate::Guestpass::open) reads it, and
    /// [`Guestpass::reload_catalogue`](crate::Guestpass::reload_catalogue) reads it again. Default: none, and the catalogue is a
    /// sample of twelve items.
    pub catalogue: Option<PathBuf>,
}

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Config {
    fn default() -> Self {
        Self {
            store: StoreLocation::Sqlite(PathBuf::from("guestpass.db")),
            issuer: "http://localhost:8000".to_owned(),
            audience: "guestpass".to_owned(),
            access_ttl: 15 * MINUTE,
            refresh_ttl: 30 * DAY,
            guest_token_ttl: 30 * DAY,
            refresh_grace: MINUTE,
            guest_retention: 90 * DAY,
            session_retention: 7 * DAY,
            audit_retention: 90 * DAY,
            audit_entries: 1_000_000,
            sweep_limit: 10,
            algorithm: Algorithm::EdDsa,
            login_rate: at_most(1000, HOUR),
            login_rate_total: at_most(200_000, HOUR),
            refresh_rate: at_most(600, HOUR),
            refresh_rate_total: Rate::Off,
            failed_refresh_rate: at_most(3600, HOUR),
            account_rate: at_most(300, 10 * MINUTE),
            password_rate: at_most(10, 15 * MINUTE),
            login_proof: ProofOfWork::Off,
            captcha_verify_url: None,
            captcha_secret: None,
            trusted_proxies: Vec::new(),
            require_refresh: false,
            session_max_age: None,
            key_encryption_keys: Vec::new(),
            introspection_secrets: Vec::new(),
            cors_origins: Vec::new(),
            passkey_domain: None,
            passkey_origins: Vec::new(),
            oidc_issuers: Vec::new(),
            oidc_private_networks: Vec::new(),
            collections: Collections::default(),
            require_hashed_nonce: false,
            docs: true,
            static_dir: None,
            catalogue: None,
        }
    }
}

fn at_most(count: u32, per: Duration) -> Rate {
    NonZeroU32::new(count).map_or(Rate::Off, |count| Rate::Limit { count, per })
}

impl Config {
    /// The longest lifetime of an access token.
    pub(crate) fn longest_access_ttl(&self) -> Duration {
        if self.require_refresh { self.access_ttl } else { self.access_ttl.max(self.guest_token_ttl) }
    }

    /// Checks the range of each value, the values that depend on each other, and those that depend on the machine.
    ///
    /// # Errors
    /// An error about the first setting that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if let StoreLocation::Postgres(url) = &self.store {
            url.check().map_err(|reason| ConfigError::new("--store", reason))?;
        }
        for (flag, ttl) in [
            ("--access-ttl", self.access_ttl),
            ("--refresh-ttl", self.refresh_ttl),
            ("--guest-token-ttl", self.guest_token_ttl),
        ] {
            if ttl < Duration::from_secs(1) {
                return Err(ConfigError::new(flag, "must be at least 1s"));
            }
            if ttl > 3650 * DAY {
                return Err(ConfigError::new(flag, "must be at most 3650days"));
            }
        }
        for (flag, retention) in [
            ("--guest-retention", self.guest_retention),
            ("--session-retention", self.session_retention),
            ("--audit-retention", self.audit_retention),
        ] {
            if retention > 3650 * DAY {
                return Err(ConfigError::new(flag, "must be at most 3650days"));
            }
        }
        if !(1..=100).contains(&self.sweep_limit) {
            return Err(ConfigError::new("--sweep-limit", "must be a number of percent from 1 to 100"));
        }
        if self.session_max_age.is_some_and(|age| age < MINUTE || age > 3650 * DAY) {
            return Err(ConfigError::new("--session-max-age", "must be from 1m to 3650days, or off"));
        }
        if self.refresh_ttl < self.access_ttl {
            return Err(ConfigError::new("--refresh-ttl", "must not be shorter than --access-ttl"));
        }
        if self.refresh_grace >= self.refresh_ttl {
            return Err(ConfigError::new("--refresh-grace", "must be shorter than --refresh-ttl"));
        }
        // RFC 8414 §2. http is allowed, too: for development, and behind a proxy that terminates TLS.
        let is_url = self.issuer.starts_with("https://") || self.issuer.starts_with("http://");
        if !is_url || self.issuer.contains(['?', '#', '"']) || self.issuer.contains(char::is_whitespace) {
            return Err(ConfigError::new("--issuer", "must be an http:// or https:// URL without query and fragment"));
        }
        if self.audience.is_empty() {
            return Err(ConfigError::new("--audience", "must not be empty"));
        }
        if self.audience == self.issuer && !self.require_refresh {
            let reason = "must differ from --issuer, which is the audience of tokens without refresh, so that other services \
                          refuse those; choose another name, or set --require-refresh";
            return Err(ConfigError::new("--audience", reason));
        }
        if self.captcha_verify_url.is_some() != self.captcha_secret.is_some() {
            let reason = "needs --captcha-secret, and --captcha-secret needs it; the CAPTCHA service shows both";
            return Err(ConfigError::new("--captcha-verify-url", reason));
        }
        if let Some(directory) = &self.static_dir
            && !directory.join("index.html").is_file()
        {
            return Err(ConfigError::new("--static", format!("{} has no index.html", directory.display())));
        }
        Ok(())
    }
}

/// A setting that cannot work, by the name of its flag in the program `guestpass`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{flag}: {reason}")]
pub struct ConfigError {
    flag: &'static str,
    reason: String,
}

impl ConfigError {
    pub(crate) fn new(flag: &'static str, reason: impl Into<String>) -> Self {
        Self { flag, reason: reason.into() }
    }

    /// The flag, such as `--issuer`.
    pub const fn flag(&self) -> &'static str {
        self.flag
    }
}

/// Where the data is kept; written as `sqlite:PATH` or `postgres://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// A SQLite file, which the server creates if it does not exist.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which any number of servers can share.
    Postgres(PostgresUrl),
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(f),
        }
    }
}

impl FromStr for StoreLocation {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if let Some(url) = PostgresUrl::new(text) {
            return Ok(Self::Postgres(url));
        }
        match text.strip_prefix("sqlite:") {
            Some(path) if path.starts_with("//") || path.contains('?') => Err(InvalidValue(
                "expected the path of a file after sqlite: and not a URL: sqlite:guests.db, or sqlite:/var/lib/guestpass/guests.db",
            )),
            Some(path) if !path.is_empty() && path != ":memory:" => Ok(Self::Sqlite(path.into())),
            _ => Err(InvalidValue(
                "expected sqlite:PATH with the path of a file, or postgres://USER:PASSWORD@HOST/DATABASE",
            )),
        }
    }
}

/// The secret of services that may introspect tokens. Only its hash is kept in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct IntrospectionSecret([u8; 32]);

impl IntrospectionSecret {
    /// Whether `given` is the secret. Compares in constant time.
    fn matches(&self, given: &[u8]) -> bool {
        verify_slices_are_equal(&self.0, &sha256(given)).is_ok()
    }

    /// Whether `given` is one of the secrets. Compares with each of them, so that the time does not tell which one matches.
    pub(crate) fn any_matches(secrets: &[Self], given: &[u8]) -> bool {
        secrets.iter().fold(false, |matches, secret| matches | secret.matches(given))
    }
}

impl FromStr for IntrospectionSecret {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        if text.len() < 32 || !plain {
            return Err(InvalidValue(
                "expected 32 or more ASCII characters without spaces, as openssl rand -hex 32 makes",
            ));
        }
        Ok(Self(sha256(text.as_bytes())))
    }
}

impl fmt::Debug for IntrospectionSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntrospectionSecret(…)")
    }
}
