//! The flags of the library's settings: their names, their texts in `--help`, and how their values are written.
//!
//! The defaults are those of [`Config::default`]; a test compares them.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use guestpass_server::{
    Algorithm, CaptchaSecret, CaptchaUrl, Collections, Config, IntrospectionSecret, KeyEncryptionKey, OidcIssuer,
    Origin, ProofOfWork, Rate, StoreLocation,
};
use ipnet::IpNet;

/// One flag for each field of [`Config`].
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    #[command(flatten)]
    store: StoreArgs,

    #[command(flatten)]
    key_encryption: KeyEncryptionArgs,

    /// URL at which clients reach this server; the claim `iss` of every token. If you change it, access tokens that were
    /// issued before are refused; sessions with a refresh token continue.
    #[arg(long, value_name = "URL", default_value = "http://localhost:8000", help_heading = TOKENS)]
    issuer: String,

    /// Name of the API that the tokens are for; the claim `aud` of access tokens that come with a refresh token. The token of a
    /// client without refresh is for this server alone: its `aud` is the issuer, so other services refuse it. Must differ from
    /// `--issuer`, unless `--require-refresh` is set.
    #[arg(long, value_name = "NAME", default_value = "guestpass", help_heading = TOKENS)]
    audience: String,

    /// Lifetime of an access token that comes with a refresh token.
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = duration, help_heading = TOKENS)]
    access_ttl: Duration,

    /// Lifetime of a session that is not refreshed. Each refresh starts it again.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = duration, help_heading = TOKENS)]
    refresh_ttl: Duration,

    /// How old a session can become, however often it is refreshed, or off. Then its guest or member is signed out, and a guest
    /// cannot get back to their data.
    #[arg(long, value_name = "DURATION", default_value = "off", value_parser = duration_or_off, help_heading = TOKENS)]
    session_max_age: DurationOrOff,

    /// Lifetime of the single token that a client without refresh gets. Only this server accepts it.
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = duration, help_heading = TOKENS)]
    guest_token_ttl: Duration,

    /// How long after a refresh the used refresh token still returns the same successor: for lost responses, and for tabs
    /// that refresh concurrently. A later use of it revokes the session.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = duration, help_heading = TOKENS)]
    refresh_grace: Duration,

    /// How long an inactive guest is kept. A guest with a session that can still be used is never removed.
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = duration, help_heading = STORE)]
    guest_retention: Duration,

    /// How long an ended session is kept.
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = duration, help_heading = STORE)]
    session_retention: Duration,

    /// How long an entry of the audit trail is kept. `guestpass audit` prints the trail.
    #[arg(long, value_name = "DURATION", default_value = "90d", value_parser = duration, help_heading = STORE)]
    audit_retention: Duration,

    /// The greatest number of entries of the audit trail. The oldest ones are deleted first.
    #[arg(long, value_name = "COUNT", default_value = "1000000", help_heading = STORE)]
    audit_entries: u32,

    /// How many percent of the guests may be removed for their inactivity within 24 hours, by all servers together: 1 to 100.
    /// 100 guests a day may always be removed. It protects the guests from a wrong clock or a wrong --guest-retention; 100 is no
    /// limit.
    #[arg(long, value_name = "PERCENT", default_value_t = 10, help_heading = STORE)]
    sweep_limit: u8,

    /// How access tokens are signed. EdDSA is fast, and current JWT libraries support it. ES256 and RS256 are for verifiers
    /// without EdDSA; signing with RS256 is slow. Other services verify these three with the public key from
    /// /.well-known/jwks.json. HS256 uses a shared secret: no other service can verify its tokens. The server creates the
    /// key at its first start. Tokens that were signed with another algorithm before stay valid.
    #[arg(long, value_name = "NAME", default_value = "EdDSA", help_heading = TOKENS)]
    algorithm: Algorithm,

    /// How many guests one client may create: COUNT/DURATION, or off. A client is an IPv4 address or the /64 network of an
    /// IPv6 address; a /56 may create twice as many, and a /48 three times as many. All of them may come at once, so the
    /// default is enough for 900 visitors of a school or of a carrier who share one address. A client above the limit gets 429,
    /// and Retry-After says when to try again. Each node counts for itself.
    #[arg(long, value_name = "RATE", default_value = "1000/1h", help_heading = ABUSE)]
    login_rate: Rate,

    /// How many guests all clients together may create. It limits how fast an attacker with many networks can fill the store.
    /// The default is 4.8 million new guests a day: raise it if your site has more.
    #[arg(long, value_name = "RATE", default_value = "200000/1h", help_heading = ABUSE)]
    login_rate_total: Rate,

    /// How often one session may refresh. The SDK refreshes once per --access-ttl for each guest, in all tabs together: 4 times
    /// an hour by default. The number of guests behind one address does not matter.
    #[arg(long, value_name = "RATE", default_value = "600/1h", help_heading = ABUSE)]
    refresh_rate: Rate,

    /// How often all sessions together may refresh.
    #[arg(long, value_name = "RATE", default_value = "off", help_heading = ABUSE)]
    refresh_rate_total: Rate,

    /// How often one client may send a text that is not a refresh token of this server to POST /token. A client above the
    /// limit gets 429 for such a text; valid refresh tokens from the same network are accepted all the same.
    #[arg(long, value_name = "RATE", default_value = "3600/1h", help_heading = ABUSE)]
    failed_refresh_rate: Rate,

    /// How often one client may fail to register, to log in to an account or to link one. Requests that succeed do not count,
    /// so any number of members can sign in from one address. As for --login-rate, an IPv6 /56 may fail twice and a /48 three
    /// times as often.
    #[arg(long, value_name = "RATE", default_value = "300/10m", help_heading = ABUSE)]
    account_rate: Rate,

    /// How many wrong passwords one client may send for one e-mail address; here, a client is an IPv4 address or an IPv6 /48.
    /// All clients together may send ten times as many. Then only networks from which the member has signed in within 90 days
    /// may try, each within a limit of its own. Registrations and logins are counted separately.
    #[arg(long, value_name = "RATE", default_value = "10/15m", help_heading = ABUSE)]
    password_rate: Rate,

    /// Requires a proof of work (ALTCHA, version 2) from each client that creates a guest: the number of PBKDF2 iterations in
    /// each of the 256 attempts that a client needs on average, or off. 2000 keeps one core busy for between a tenth of a
    /// second and some seconds. Use it if limits by address are not enough and your clients can compute the proof: the npm
    /// package guestpass does so by itself, and docs/api.md describes it for other clients. One client may send 300 wrong
    /// solutions in 10 minutes.
    #[arg(long, value_name = "COST", default_value = "off", help_heading = ABUSE)]
    login_proof: ProofOfWork,

    /// Requires the token of a CAPTCHA from each client that creates a guest: the https:// URL at which the service of the CAPTCHA
    /// verifies tokens, such as https://challenges.cloudflare.com/turnstile/v0/siteverify or
    /// https://api.hcaptcha.com/siteverify; http:// for this machine only. The server sends the form fields secret, response and
    /// remoteip there, and reads the member success of the JSON response. If the service does not respond within 5 seconds, no
    /// guest is created. One client may send 300 wrong tokens in 10 minutes.
    #[arg(long, value_name = "URL", help_heading = ABUSE)]
    captcha_verify_url: Option<CaptchaUrl>,

    /// Secret that the service of --captcha-verify-url has given to your site. Set it in the environment or in a file: other
    /// users of the machine can read the flags of a process.
    #[arg(long, value_name = "SECRET", help_heading = ABUSE)]
    captcha_secret: Option<CaptchaSecret>,

    /// Address or network, such as 10.0.0.0/8, of a proxy in front of this server. The server then reads the address of the
    /// client from the X-Forwarded-For that the proxy writes. Without this setting, all clients behind a proxy count as one
    /// client. Repeat the flag for more; separate them by commas in the environment.
    #[arg(long = "trusted-proxy", value_name = "CIDR", value_delimiter = ',', value_parser = network, help_heading = ABUSE)]
    pub(crate) trusted_proxies: Vec<IpNet>,

    /// Refuses a login without `{"refresh": true}`, so that no long-lived token is issued. Use it if every client refreshes,
    /// as the SDK does; a client that cannot refresh can then not log in.
    #[arg(long, help_heading = TOKENS)]
    require_refresh: bool,

    /// Opens POST /introspect (RFC 7662) to services that send this secret, as the password of HTTP Basic or as a Bearer
    /// token: 32 characters or more. `openssl rand -hex 32` makes one. Set it in the environment or in a file: other users
    /// of the machine can read the flags of a process. Repeat the flag for more, so that a secret can be replaced without an
    /// outage; separate them by spaces in the environment, write a list in the file, and one secret a line in
    /// --introspection-secret-file.
    #[arg(long = "introspection-secret", value_name = "SECRET", value_delimiter = ' ', help_heading = TOKENS)]
    introspection_secrets: Vec<IntrospectionSecret>,

    /// Web origin, such as `https://shop.example`, whose pages may call this server (CORS). Pages of the server's own origin and
    /// of --issuer may anyway. Requests of all other pages that would change something get 403, and count against no limit.
    /// Repeat the flag for more; separate them by commas in the environment, and write a list in the file. For apps and browser
    /// extensions, name the origin of their pages, such as `capacitor://localhost` or `chrome-extension://<id>`. A configured page
    /// may send every header. Every page may read the keys, the discovery documents and /openapi.json.
    #[arg(long = "cors-origin", value_name = "ORIGIN", value_delimiter = ',', help_heading = BROWSERS)]
    cors_origins: Vec<Origin>,

    /// Domain that passkeys belong to: the domain of the pages, or one above it. By default the domain of --issuer; if that
    /// is an address, such as 127.0.0.1, there are no passkeys. If you change it, existing passkeys cannot be used.
    #[arg(long, value_name = "DOMAIN", help_heading = MEMBERS)]
    passkey_domain: Option<String>,

    /// Web origin, such as `https://shop.example`, on whose pages passkeys may be used. By default --issuer, and each
    /// --cors-origin that belongs to the domain; on localhost the port does not matter. Repeat the flag for more.
    #[arg(long = "passkey-origin", value_name = "ORIGIN", value_delimiter = ',', help_heading = MEMBERS)]
    passkey_origins: Vec<Origin>,

    /// OpenID Connect issuer whose ID tokens POST /link accepts, and the client id of this app at it: URL=CLIENT_ID. Write the URL
    /// as the issuer's tokens and its discovery document do; the log says at the start if they differ. The server finds the keys by
    /// that document. Repeat the flag for more issuers, such as each tenant, and for more client ids of one issuer.
    #[arg(long = "oidc-issuer", value_name = "URL=CLIENT_ID", value_delimiter = ',', help_heading = MEMBERS)]
    oidc_issuers: Vec<OidcIssuer>,

    /// Private network, such as 10.0.0.0/8, in which an issuer of --oidc-issuer or its keys may be. Without this setting, the
    /// server refuses to fetch keys from private and local addresses; an issuer that --oidc-issuer names by an address or as
    /// localhost may always be fetched from that host. Repeat the flag for more; separate them by commas in the environment.
    #[arg(
        long = "oidc-private-network",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = network,
        help_heading = MEMBERS
    )]
    oidc_private_networks: Vec<IpNet>,

    /// Requires that the app sends the issuer the SHA-256 of a nonce (in base64url or hexadecimal), and POST /link the nonce
    /// itself. Then a stolen ID token is useless, because it does not contain the nonce. Without this setting, a token without
    /// nonce and a nonce that the token contains are accepted, too.
    #[arg(long, help_heading = MEMBERS)]
    require_hashed_nonce: bool,
    /// Does not serve the page /docs/, which shows the API. The document of the API stays at /openapi.json.
    #[arg(long, help_heading = BROWSERS)]
    no_docs: bool,

    /// Directory with an index.html, which is served at every path that is not part of the API and not below one of its paths.
    #[arg(long = "static", value_name = "DIR", help_heading = BROWSERS)]
    static_dir: Option<PathBuf>,

    /// JSON file with the items of GET /items/: {"name": "…", "items": [{"id": …, "name": "…"}]}. An id is a text or a whole
    /// number. An item can have a category, by which recommendations are made, and further members, which GET /items/ returns as
    /// they are. "collections": {"favorites": "…", "viewed": "…", "owned": ["…"]} names the collections with the marks of
    /// guests; the defaults are favorites, history and [cart]. At most 10000 items and 4 MiB. On SIGHUP, the server reads the
    /// file again; if it is wrong, the log says why, and the items of before are used. Without a file, the items are a sample.
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    catalogue: Option<PathBuf>,
}

/// The key-encryption keys, also for `guestpass keys`.
#[derive(Debug, clap::Args)]
pub(crate) struct KeyEncryptionArgs {
    /// Key-encryption key: 32 bytes in base64, as `guestpass keys new-encryption-key` makes. The keys that the server stores from
    /// then on are encrypted with it, so that a copy of the store signs nothing; `guestpass keys encrypt` encrypts those that are
    /// there. Only in the environment or in a file, and not as a flag. If there are more, the first encrypts and the others only
    /// decrypt: separate them by spaces in the environment, write a list in the file, and one key a line in
    /// --key-encryption-key-file.
    #[arg(long = "key-encryption-key", value_name = "KEY", value_delimiter = ' ', help_heading = STORE)]
    pub(crate) key_encryption_keys: Vec<KeyEncryptionKey>,
}

/// The flag `--store`, also for the commands that have no other setting of the library.
#[derive(Debug, clap::Args)]
pub(crate) struct StoreArgs {
    /// Where all data is kept. sqlite:PATH is a file, which `guestpass serve` creates if it does not exist; only one server at
    /// a time can use it. postgres://USER:PASSWORD@HOST/DATABASE is a PostgreSQL database, which any number of servers can
    /// share. Set a URL with a password in the environment or in a file: other users of the machine can read the flags of a
    /// process. The connection to another machine is encrypted, and the certificate of the database is checked, unless sslmode
    /// in the query of the URL says otherwise (disable, prefer, require); sslrootcert=FILE names the certificates to trust.
    /// pool_size=N is the number of connections of one server (default 16).
    #[arg(
        long,
        value_name = "sqlite:PATH|postgres://…",
        default_value = "sqlite:guestpass.db",
        help_heading = STORE
    )]
    pub(crate) store: StoreLocation,
}

// The groups of `--help`.
const STORE: &str = "Store";
const TOKENS: &str = "Tokens";
const ABUSE: &str = "Abuse";
const BROWSERS: &str = "Browsers";
const MEMBERS: &str = "Members";
const DATA: &str = "Data of guests";

impl From<ConfigArgs> for Config {
    fn from(args: ConfigArgs) -> Self {
        Self {
            store: args.store.store,
            issuer: args.issuer,
            audience: args.audience,
            access_ttl: args.access_ttl,
            refresh_ttl: args.refresh_ttl,
            guest_token_ttl: args.guest_token_ttl,
            refresh_grace: args.refresh_grace,
            guest_retention: args.guest_retention,
            session_retention: args.session_retention,
            audit_retention: args.audit_retention,
            audit_entries: args.audit_entries,
            sweep_limit: args.sweep_limit,
            algorithm: args.algorithm,
            login_rate: args.login_rate,
            login_rate_total: args.login_rate_total,
            refresh_rate: args.refresh_rate,
            refresh_rate_total: args.refresh_rate_total,
            failed_refresh_rate: args.failed_refresh_rate,
            account_rate: args.account_rate,
            password_rate: args.password_rate,
            login_proof: args.login_proof,
            captcha_verify_url: args.captcha_verify_url,
            captcha_secret: args.captcha_secret,
            trusted_proxies: args.trusted_proxies,
            require_refresh: args.require_refresh,
            session_max_age: args.session_max_age.0,
            key_encryption_keys: args.key_encryption.key_encryption_keys,
            introspection_secrets: args.introspection_secrets,
            cors_origins: args.cors_origins,
            passkey_domain: args.passkey_domain,
            passkey_origins: args.passkey_origins,
            oidc_issuers: args.oidc_issuers,
            oidc_private_networks: args.oidc_private_networks,
            // Not a flag: `Sources::collections` reads them.
            collections: Collections::default(),
            require_hashed_nonce: args.require_hashed_nonce,
            docs: !args.no_docs,
            static_dir: args.static_dir,
            catalogue: args.catalogue,
        }
    }
}

/// Reads a duration such as `90s`, `15m`, `12h` or `30d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "expected a duration such as 90s, 15m, 12h or 30d".to_owned())
}

/// A duration, or `off`.
#[derive(Debug, Clone, Copy)]
struct DurationOrOff(Option<Duration>);

fn duration_or_off(text: &str) -> Result<DurationOrOff, String> {
    if text == "off" {
        return Ok(DurationOrOff(None));
    }
    let duration = humantime::parse_duration(text);
    duration
        .map(|age| DurationOrOff(Some(age)))
        .map_err(|_| "expected a duration such as 12h or 90d, or off".to_owned())
}

/// Reads a network in CIDR notation, or one address.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| "expected a network such as 10.0.0.0/8 or 2001:db8::/32, or one address".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::{Args, FromArgMatches};

    use super::*;

    #[test]
    fn the_defaults_in_the_help_are_those_of_the_library() {
        let command = ConfigArgs::augment_args(clap::Command::new("guestpass"));

        // `--help` prints the default values from which these settings are read.
        assert!(command.get_arguments().all(|flag| !flag.is_hide_default_value_set()));
        let matches = command.try_get_matches_from(["guestpass"]).unwrap();
        let config = Config::from(ConfigArgs::from_arg_matches(&matches).unwrap());

        assert_eq!(config, Config::default());
    }
}
