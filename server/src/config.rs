//! What an operator can set, and which values make sense together.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::http::HeaderValue;
use clap::{Args, FromArgMatches};
use ipnet::IpNet;

use crate::accounts::OidcIssuer;
use crate::auth::Algorithm;
use crate::limits::{ProofOfWork, Rate};
use crate::secret::sha256;
use crate::store::postgres::PostgresUrl;

/// The settings of a server. [`Config::default`] is what `guestpass serve` does without flags.
///
/// Each field is declared here and nowhere else: its documentation is the text of `--help`, its default is the one below,
/// and the command line makes a flag, a variable of the environment and a key of the file out of it.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = STORE)]
pub struct Config {
    /// Where everything is kept: a SQLite file, made if it is not there, one server per file; or a PostgreSQL database,
    /// postgres://USER:PASSWORD@HOST/DATABASE, for any number of servers. Set one with a password by the environment or
    /// the file: everybody on the machine sees the flags of a process. sslmode=verify-full and sslrootcert=FILE in its
    /// query check the database's certificate; pool_size=N bounds the connections of one server (16).
    #[arg(long, value_name = "sqlite:PATH|postgres://…", default_value = "sqlite:guestpass.db")]
    pub store: StoreLocation,

    /// The URL under which clients know this server; goes into every token as `iss`. Changing it ends the access tokens
    /// that are out; sessions that refresh go on.
    #[arg(long, value_name = "URL", default_value = "http://localhost:8000", help_heading = TOKENS)]
    pub issuer: String,

    /// The API that the tokens are for; goes into every token as `aud`.
    #[arg(long, value_name = "NAME", default_value = "guestpass", help_heading = TOKENS)]
    pub audience: String,

    /// Life of an access token that comes with a refresh token.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration, help_heading = TOKENS)]
    pub access_ttl: Duration,

    /// How long a session may rest. Each refresh starts it anew.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = duration, help_heading = TOKENS)]
    pub refresh_ttl: Duration,

    /// Life of the one token that a client without refresh gets.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = duration, help_heading = TOKENS)]
    pub guest_token_ttl: Duration,

    /// For how long a refresh token that has just been used still gets the same successor: for answers that were lost
    /// and tabs that race. After that, using it again revokes its session.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration, help_heading = TOKENS)]
    pub refresh_grace: Duration,

    /// For how long a guest who stays away is kept. Nobody is removed whose session can still be used.
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = duration, help_heading = STORE)]
    pub guest_retention: Duration,

    /// For how long a session that is over is kept.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration, help_heading = STORE)]
    pub session_retention: Duration,

    /// How access tokens are signed: EdDSA (fast, and every current library knows it), ES256 or RS256 (for verifiers that
    /// do not know EdDSA; RS256 is slow to sign), each verified by others with the public key from
    /// /.well-known/jwks.json; or HS256 (a shared secret; nobody else can verify). The key is made at the first start.
    /// Tokens signed in another way before stay valid.
    #[arg(long, value_name = "NAME", default_value = "EdDSA", help_heading = TOKENS)]
    pub algorithm: Algorithm,

    /// How many guests one client may make: COUNT/DURATION, or off. A client is an IPv4 address or the /64 of an IPv6
    /// address. Many people may share one; whoever comes too soon is told when to try again.
    #[arg(long, value_name = "RATE", default_value = "30/1h", help_heading = ABUSE)]
    pub login_rate: Rate,

    /// How many guests all clients together may make.
    #[arg(long, value_name = "RATE", default_value = "off", help_heading = ABUSE)]
    pub login_rate_total: Rate,

    /// How often one client may refresh. The SDK does so once per --access-ttl and guest.
    #[arg(long, value_name = "RATE", default_value = "3600/1h", help_heading = ABUSE)]
    pub refresh_rate: Rate,

    /// How often all clients together may refresh.
    #[arg(long, value_name = "RATE", default_value = "off", help_heading = ABUSE)]
    pub refresh_rate_total: Rate,

    /// How often one client may try to register, to log in to an account or to link one, and ask for the challenges of
    /// passkeys.
    #[arg(long, value_name = "RATE", default_value = "60/10m", help_heading = ABUSE)]
    pub account_rate: Rate,

    /// How often one client may try passwords for one e-mail address, and all clients together ten times as often. Attempts
    /// to register are counted apart from those to log in.
    #[arg(long, value_name = "RATE", default_value = "10/15m", help_heading = ABUSE)]
    pub password_rate: Rate,

    /// Asks each client that makes a guest for a proof of work first (ALTCHA, version 2): iterations of PBKDF2 in each of
    /// the 256 attempts that it needs on average, or off. 2000 keeps one core busy for a tenth of a second to some
    /// seconds. For when limits by address are not enough, and for clients that log in by themselves and know how to answer
    /// (docs/api.md). The npm package guestpass does not: with this, it can make no guest.
    #[arg(long, value_name = "COST", default_value = "off", help_heading = ABUSE)]
    pub login_proof: ProofOfWork,

    /// A proxy in front of this server, or a network of them, such as 10.0.0.0/8: where a request comes from is then read
    /// from the X-Forwarded-For that the proxy writes. Without this, all who come through a proxy count as one client. Repeat
    /// it for more; separate them by commas in the environment.
    #[arg(long = "trusted-proxy", value_name = "CIDR", value_delimiter = ',', value_parser = network, help_heading = ABUSE)]
    pub trusted_proxies: Vec<IpNet>,

    /// Gives no long-lived tokens: a login without `{"refresh": true}` is refused. For when every client is the SDK, or
    /// refreshes as it does; simple ones of the classic kind cannot log in then.
    #[arg(long, help_heading = TOKENS)]
    pub require_refresh: bool,

    /// Opens POST /introspect (RFC 7662) to services that send this secret, as the password of HTTP Basic or as a Bearer
    /// token: 32 characters or more; `openssl rand -hex 32` makes one. Put it into the environment or the file, not on
    /// the command line, which everybody on the machine can see.
    #[arg(long, value_name = "SECRET", help_heading = TOKENS)]
    pub introspection_secret: Option<IntrospectionSecret>,

    /// A web origin that may call from a browser, such as `https://shop.example`. Repeat it for more; separate them by
    /// commas in the environment, and make a list of them in the file.
    #[arg(long = "cors-origin", value_name = "ORIGIN", value_delimiter = ',', help_heading = BROWSERS)]
    pub cors_origins: Vec<Origin>,

    /// The domain that passkeys belong to: that of the pages, or one above it. By default that of --issuer; an address, such
    /// as 127.0.0.1, has no passkeys. Changing it makes the passkeys that are there useless.
    #[arg(long, value_name = "DOMAIN", help_heading = MEMBERS)]
    pub passkey_domain: Option<String>,

    /// A web origin on whose pages passkeys may be used, such as `https://shop.example`. By default --issuer and those of
    /// --cors-origin that belong to the domain; on localhost the port does not matter. Repeat it for more.
    #[arg(long = "passkey-origin", value_name = "ORIGIN", value_delimiter = ',', help_heading = MEMBERS)]
    pub passkey_origins: Vec<Origin>,

    /// An OpenID Connect issuer whose ID tokens POST /link takes, and who this app is to it: URL=CLIENT_ID. Its keys are found
    /// by its discovery document. Repeat it for more issuers, and for more client ids of one.
    #[arg(long = "oidc-issuer", value_name = "URL=CLIENT_ID", value_delimiter = ',', help_heading = MEMBERS)]
    pub oidc_issuers: Vec<OidcIssuer>,

    /// A directory with an index.html to serve at every path that is not the API's.
    #[arg(long = "static", value_name = "DIR", help_heading = BROWSERS)]
    pub static_dir: Option<PathBuf>,
}

// The groups of `--help`.
const STORE: &str = "Store";
const TOKENS: &str = "Tokens";
const ABUSE: &str = "Abuse";
const BROWSERS: &str = "Browsers";
const MEMBERS: &str = "Members";

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Config {
    /// The defaults alone: neither the command line nor the environment is read.
    fn default() -> Self {
        let command = Self::augment_args(clap::Command::new("guestpass")).no_binary_name(true);
        let matches = command.try_get_matches_from(std::iter::empty::<&str>());
        #[expect(clippy::expect_used, reason = "the defaults are constants of this file, and every test uses them")]
        matches.and_then(|matches| Self::from_arg_matches(&matches)).expect("the defaults are valid")
    }
}

impl Config {
    /// The longest that an access token may live.
    pub(crate) fn longest_access_ttl(&self) -> Duration {
        if self.require_refresh { self.access_ttl } else { self.access_ttl.max(self.guest_token_ttl) }
    }

    /// Checks what no single value shows.
    ///
    /// # Errors
    /// The first setting that cannot work, by the name of its flag.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if let StoreLocation::Postgres(url) = &self.store {
            url.check().map_err(|why| ConfigError::new("--store", why))?;
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
        for (flag, retention) in
            [("--guest-retention", self.guest_retention), ("--session-retention", self.session_retention)]
        {
            if retention > 3650 * DAY {
                return Err(ConfigError::new(flag, "must be at most 3650days"));
            }
        }
        if self.refresh_ttl < self.access_ttl {
            return Err(ConfigError::new("--refresh-ttl", "must not be shorter than --access-ttl"));
        }
        if self.refresh_grace >= self.refresh_ttl {
            return Err(ConfigError::new("--refresh-grace", "must be shorter than --refresh-ttl"));
        }
        // RFC 8414 §2. http as well: for a laptop, and behind a proxy that nobody can get around.
        let is_url = self.issuer.starts_with("https://") || self.issuer.starts_with("http://");
        if !is_url || self.issuer.contains(['?', '#', '"']) || self.issuer.contains(char::is_whitespace) {
            return Err(ConfigError::new("--issuer", "must be an http:// or https:// URL without query and fragment"));
        }
        if self.audience.is_empty() {
            return Err(ConfigError::new("--audience", "must not be empty"));
        }
        if let Some(directory) = &self.static_dir
            && !directory.join("index.html").is_file()
        {
            return Err(ConfigError::new("--static", format!("{} has no index.html", directory.display())));
        }
        Ok(())
    }
}

/// A setting that cannot work.
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

    /// The flag that sets it, such as `--issuer`.
    pub const fn flag(&self) -> &'static str {
        self.flag
    }
}

/// Where the data is: `sqlite:PATH`, or `postgres://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreLocation {
    /// A SQLite file, made if it is not there.
    Sqlite(PathBuf),
    /// A PostgreSQL database, which many servers can share.
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
            Some(path) if !path.is_empty() && path != ":memory:" => Ok(Self::Sqlite(path.into())),
            _ => Err(InvalidValue(
                "expected sqlite:PATH with the path of a file, or postgres://USER:PASSWORD@HOST/DATABASE",
            )),
        }
    }
}

/// What a service proves with that it may introspect. Only its hash is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct IntrospectionSecret([u8; 32]);

impl IntrospectionSecret {
    /// Whether `given` is the secret. Takes the same time wherever they differ.
    pub(crate) fn is(&self, given: &[u8]) -> bool {
        verify_slices_are_equal(&self.0, &sha256(given)).is_ok()
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

/// A web origin (RFC 6454): scheme, host and port, as browsers send it in `Origin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(HeaderValue);

impl Origin {
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    pub(crate) fn as_str(&self) -> &str {
        // It was made of text.
        self.0.to_str().unwrap_or_default()
    }
}

impl FromStr for Origin {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const EXPECTED: InvalidValue =
            InvalidValue("expected an origin in lower case without a path, such as https://shop.example");
        let authority = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(EXPECTED)?;
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_:[]".contains(&byte);
        if authority.is_empty() || !authority.bytes().all(plain) {
            return Err(EXPECTED);
        }
        HeaderValue::from_str(text).map(Self).map_err(|_| EXPECTED)
    }
}

/// A value that cannot be read; says what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidValue(&'static str);

impl InvalidValue {
    pub(crate) const fn new(expected: &'static str) -> Self {
        Self(expected)
    }
}

/// Reads a duration as people write it: `90s`, `15m`, `12h`, `30d`. For flags of an embedding program.
///
/// # Errors
/// The text is no duration.
pub fn duration(text: &str) -> Result<Duration, InvalidValue> {
    humantime::parse_duration(text).map_err(|_| InvalidValue("expected a duration such as 90s, 15m, 12h or 30d"))
}

/// Reads a network in CIDR notation; an address alone is a network of one.
fn network(text: &str) -> Result<IpNet, InvalidValue> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| InvalidValue("expected a network such as 10.0.0.0/8 or 2001:db8::/32, or one address"))
}
