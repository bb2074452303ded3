//! The location of a PostgreSQL database: a URL whose password is hidden from logs and errors.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

use crate::secret::Secret;

/// How long one attempt to connect may take, unless the URL says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long sent data may stay unacknowledged by the network before the connection counts as broken.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);
const KEEPALIVES_IDLE: Duration = Duration::from_secs(30);
/// The number of connections of one node, unless the URL sets another. PostgreSQL allows a hundred for all nodes by default.
const POOL_SIZE: usize = 16;

const NOT_THE_PARTS: &str =
    "expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special characters of the password percent-encoded";

/// The URL of a PostgreSQL database, as psql takes it. `Display` and `Debug` show it without its password.
///
/// `sslmode` is `disable`, `prefer` (encrypted if the server supports it), `require` (encrypted, without a check of the
/// certificate) or `verify-full` (encrypted, and the certificate is checked). Without it, it is `prefer` for a database on this
/// machine, and `verify-full` for any other. `sslrootcert` names a file of trusted certificates that replace the system's, and
/// turns the check on. `pool_size` is the number of connections that this node may open.
#[derive(Clone)]
pub struct PostgresUrl(Secret);

/// The parts of a URL.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) config: Config,
    pub(super) tls: Tls,
    /// Whether the certificate is checked because the URL of a database on another machine has no `sslmode`.
    pub(super) verified_by_default: bool,
    /// What an attacker between this node and the database could do, if the URL has turned protection off. For the log.
    pub(super) unprotected: Option<&'static str>,
    pub(super) pool_size: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tls {
    Off,
    /// Encrypted, without a check of the certificate.
    Unverified,
    /// Encrypted and checked, by the certificates in this file or by the system's.
    Verified(Option<PathBuf>),
}

impl PostgresUrl {
    /// `None` if the text is not a URL of PostgreSQL. [`PostgresUrl::check`] checks the rest: a command line parser repeats a
    /// value that it cannot parse in its error, and the value may contain a password.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let known = text.starts_with("postgres://") || text.starts_with("postgresql://");
        known.then(|| Self(Secret::from(text.as_bytes().to_vec())))
    }

    /// Checks the URL. The error does not repeat the URL.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.parts().map(drop)
    }

    pub(super) fn parts(&self) -> Result<Parts, String> {
        let text = String::from_utf8_lossy(self.0.expose());
        let (address, query) = text.split_once('?').unwrap_or((&text, ""));
        let mut passed_on = Vec::new();
        let mut ssl_mode = None;
        let mut roots = None;
        let mut pool_size = POOL_SIZE;
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else { continue };
            match &*name {
                "sslmode" => ssl_mode = Some(value.into_owned()),
                "sslrootcert" => roots = Some(PathBuf::from(value.into_owned())),
                "pool_size" => {
                    pool_size = value.parse().ok().filter(|size| *size > 0).ok_or("pool_size must be 1 or more")?;
                }
                _ => passed_on.push(pair),
            }
        }
        let mut config = Config::from_str(&format!("{address}?{}", passed_on.join("&"))).map_err(|error| {
            // The driver names an unknown option in its error. If an `@` follows, the option is part of a password.
            if query.contains('@') {
                return NOT_THE_PARTS.to_owned();
            }
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            format!("{cause}; expected postgres://USER:PASSWORD@HOST:PORT/DATABASE")
        })?;
        // A name with an `@` is part of a password that was not encoded, and would be shown.
        let named = |name: Option<&str>| name.is_some_and(|name| !name.is_empty() && !name.contains('@'));
        let is_host = |host: &Host| !matches!(host, Host::Tcp(name) if name.contains('@'));
        let hosts = config.get_hosts();
        if !named(config.get_dbname()) || hosts.is_empty() || !hosts.iter().all(is_host) {
            return Err(NOT_THE_PARTS.to_owned());
        }
        let is_local = is_on_this_machine(&config);
        let verified = || Tls::Verified(roots.clone().filter(|path| path.as_os_str() != "system"));
        let (mode, tls) = match (ssl_mode.as_deref(), &roots) {
            (Some("disable"), _) => (SslMode::Disable, Tls::Off),
            (Some("prefer"), None) => (SslMode::Prefer, Tls::Unverified),
            (Some("require"), None) => (SslMode::Require, Tls::Unverified),
            (None, None) if is_local => (SslMode::Prefer, Tls::Unverified),
            (None | Some("prefer" | "require" | "verify-full"), _) => (SslMode::Require, verified()),
            _ => return Err("sslmode must be disable, prefer, require or verify-full".to_owned()),
        };
        let unprotected = match mode {
            _ if is_local || matches!(tls, Tls::Verified(_)) => None,
            SslMode::Require => Some("sslmode=require: the certificate of the database is not checked"),
            SslMode::Disable => Some("sslmode=disable: the connection to the database is not encrypted"),
            _ => Some(
                "sslmode=prefer: the connection to the database need not be encrypted, and its certificate is not checked",
            ),
        };
        let verified_by_default = ssl_mode.is_none() && !is_local;
        // Of several hosts, the server uses the primary, also after another host has become the primary.
        config.ssl_mode(mode).keepalives_idle(KEEPALIVES_IDLE).target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("guestpass");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        Ok(Parts { config, tls, verified_by_default, unprotected, pool_size })
    }
}

/// Whether each host is a local socket or a loopback address, so that no other machine can read the connection.
fn is_on_this_machine(config: &Config) -> bool {
    let is_loopback = |address: &IpAddr| address.is_loopback();
    config.get_hostaddrs().iter().all(is_loopback)
        && config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|address| is_loopback(&address)),
            Host::Unix(_) => true,
        })
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        let Ok(Parts { config, .. }) = self.parts() else { return f.write_str("…") };
        if let Some(user) = config.get_user() {
            write!(f, "{user}@")?;
        }
        for (index, host) in config.get_hosts().iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            let ports = config.get_ports();
            if let Some(port) = ports.get(index).or_else(|| ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresUrl({self})")
    }
}

impl PartialEq for PostgresUrl {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for PostgresUrl {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(url: &str) -> Result<Parts, String> {
        PostgresUrl::new(url).unwrap().parts()
    }

    #[test]
    fn the_password_is_never_shown() {
        for url in [
            "postgres://guest:hunter2@db.example:5433/shop?sslmode=require",
            "postgresql://guest:hunter2@db.example/shop?sslcert=x",
            "postgres://guest@db.example/shop?password=hunter2",
            "postgres://guest:hunter2@/",
            "postgres://guest:hunter2@db.example:port/shop",
            "postgres://guest:1/hunter2@db.example/shop",
            "postgres://guest:hunter2/3@db.example/shop",
            "postgres://guest:hunter2%zz@db.example/shop",
            "postgres://guest:hunter2?@db.example/shop",
            "postgres://guest:1@hunter2@db.example/shop",
            "postgres://guest:1@x?hunter2=1@db.example/shop",
            "postgres://guest:1@x?a=b&hunter2=1@db.example/shop",
            "postgres://hunter2",
        ] {
            let location = PostgresUrl::new(url).unwrap();
            let shown = format!("{location} {location:?} {:?} {:?}", location.check(), location.parts());
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }

    #[test]
    fn a_url_is_shown_with_its_user_hosts_and_database() {
        let shown = |url| PostgresUrl::new(url).unwrap().to_string();

        assert_eq!(shown("postgresql://guest:secret@db:5433/shop?pool_size=4"), "postgres://guest@db:5433/shop");
        assert_eq!(shown("postgres://a,b:6000/shop"), "postgres://a:5432,b:6000/shop");
        assert_eq!(shown("postgres://%2Fvar%2Frun/shop"), "postgres:///var/run:5432/shop");
    }

    #[test]
    fn sslmode_and_sslrootcert_select_the_checks() {
        let tls = |query| parts(&format!("postgres://db/shop?{query}")).map(|p| (p.config.get_ssl_mode(), p.tls));
        let file = || Some(PathBuf::from("/etc/ca.pem"));

        assert_eq!(tls("sslmode=prefer").unwrap(), (SslMode::Prefer, Tls::Unverified));
        assert_eq!(tls("sslmode=disable").unwrap(), (SslMode::Disable, Tls::Off));
        assert_eq!(tls("sslmode=require").unwrap(), (SslMode::Require, Tls::Unverified));
        assert_eq!(tls("sslmode=verify-full").unwrap(), (SslMode::Require, Tls::Verified(None)));
        assert_eq!(tls("sslrootcert=%2Fetc/ca.pem").unwrap(), (SslMode::Require, Tls::Verified(file())));
        assert_eq!(tls("sslrootcert=system").unwrap(), (SslMode::Require, Tls::Verified(None)));
        assert!(tls("sslmode=verify-ca").unwrap_err().contains("verify-full"));
    }

    #[test]
    fn the_certificate_of_a_database_on_another_machine_is_checked_by_default() {
        for (hosts, query, is_local) in [
            ("localhost", "", true),
            ("127.0.0.1:5433", "", true),
            ("[::1]", "", true),
            ("%2Fvar%2Frun", "", true),
            ("localhost,127.0.0.1", "", true),
            ("db.internal", "", false),
            ("10.0.0.7", "", false),
            ("localhost,db.internal", "", false),
            // A name for a tunnel, and a name that leads elsewhere.
            ("db.internal", "hostaddr=127.0.0.1", false),
            ("localhost", "hostaddr=10.0.0.7", false),
        ] {
            let parts = parts(&format!("postgres://{hosts}/shop?{query}")).unwrap();
            let expected =
                if is_local { (SslMode::Prefer, Tls::Unverified) } else { (SslMode::Require, Tls::Verified(None)) };
            assert_eq!((parts.config.get_ssl_mode(), parts.tls), expected, "{hosts} {query}");
            assert_eq!((parts.verified_by_default, parts.unprotected), (!is_local, None), "{hosts} {query}");
        }
    }

    #[test]
    fn a_url_that_turns_protection_off_for_another_machine_is_reported() {
        for mode in ["disable", "prefer", "require"] {
            let unprotected = |host| parts(&format!("postgres://{host}/shop?sslmode={mode}")).unwrap().unprotected;

            assert!(unprotected("db.internal").unwrap().starts_with(&format!("sslmode={mode}: ")));
            assert_eq!(unprotected("localhost"), None);
        }
        let checked = parts("postgres://db.internal/shop?sslmode=require&sslrootcert=ca.pem").unwrap();
        assert_eq!((checked.unprotected, checked.verified_by_default), (None, false));
    }

    #[test]
    fn other_options_of_the_url_are_passed_to_the_driver() {
        let parts = parts("postgres://db/shop?pool_size=3&connect_timeout=7&application_name=shop").unwrap();

        assert_eq!(parts.pool_size, 3);
        assert_eq!(parts.config.get_connect_timeout(), Some(&Duration::from_secs(7)));
        assert_eq!(parts.config.get_application_name(), Some("shop"));
        assert!(super::PostgresUrl::new("postgres://db/shop?pool_size=0").unwrap().check().is_err());
    }
}
