//! A trusted issuer of ID tokens.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::InvalidValue;

/// A trusted issuer of ID tokens and the client id of this app there, written as `URL=CLIENT_ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcIssuer {
    pub(crate) issuer: String,
    pub(crate) client_id: String,
}

impl FromStr for OidcIssuer {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        const EXPECTED: InvalidValue = InvalidValue::new(
            "expected URL=CLIENT_ID with the issuer's https:// URL as its tokens name it, such as \
             https://accounts.example=my-app; http:// is for this machine only",
        );
        let (issuer, client_id) = text.split_once('=').ok_or(EXPECTED)?;
        if issuer.contains(['{', '}']) {
            return Err(InvalidValue::new(
                "expected the issuer of one tenant, with the tenant's id in place of {tenantid}: repeat the setting for each tenant",
            ));
        }
        let url = Url::parse(issuer).map_err(|_| EXPECTED)?;
        let plain = !issuer.contains(['?', '#']) && !text.contains(char::is_whitespace);
        if client_id.is_empty() || !plain || !is_secure(&url) {
            return Err(EXPECTED);
        }
        Ok(Self { issuer: issuer.to_owned(), client_id: client_id.to_owned() })
    }
}

impl fmt::Display for OidcIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.issuer, self.client_id)
    }
}

/// Whether requests to `url` are protected from other machines: by TLS, or because they go to this machine.
pub(crate) fn is_secure(url: &Url) -> bool {
    let is_here = match url.host_str() {
        Some("localhost" | "[::1]") => true,
        Some(host) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_written_as_its_url_and_the_client_id() {
        let read: OidcIssuer = "https://accounts.example/tenant=my=app".parse().unwrap();
        assert_eq!((read.issuer.as_str(), read.client_id.as_str()), ("https://accounts.example/tenant", "my=app"));
        assert_eq!(read.to_string().parse::<OidcIssuer>().unwrap(), read);
        for local in ["http://localhost:9000=app", "http://127.0.0.1:9000=app", "http://[::1]:9000=app"] {
            assert!(local.parse::<OidcIssuer>().is_ok(), "{local}");
        }
        for bad in [
            "",
            "https://accounts.example",
            "https://accounts.example=",
            "accounts.example=app",
            "http://accounts.example=app",
            "ftp://accounts.example=app",
            "https://accounts.example?a=app",
            "https://accounts.example/#a=app",
            "https://accounts.example=my app",
            "https://login.microsoftonline.com/{tenantid}/v2.0=app",
        ] {
            assert!(bad.parse::<OidcIssuer>().is_err(), "{bad}");
        }
    }
}
