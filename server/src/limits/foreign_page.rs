//! Which requests come from pages of foreign sites (S13).
//!
//! Without CORS, a page cannot read the responses of another origin, but it can still send *simple* requests there: posts of a
//! form or of plain text. They have the network address of the visitor, and would use up the limits of that network.
//! `Sec-Fetch-Site` (Fetch Metadata) and `Origin` (RFC 6454) say where a request comes from; a page can set neither. A client
//! that is no browser sends neither.

use url::Url;

use crate::config::Config;

/// The web origins whose pages may send requests that change something.
#[derive(Debug)]
pub(crate) struct PageOrigins(Vec<String>);

/// The header fields of a request that say where it comes from.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RequestSource<'a> {
    pub(crate) origin: Option<&'a str>,
    pub(crate) fetch_site: Option<&'a str>,
    /// `Host` or `:authority`, and the `X-Forwarded-Host` of a proxy. A foreign page cannot set the latter either, because it
    /// would need a preflight.
    pub(crate) hosts: [Option<&'a str>; 3],
}

impl PageOrigins {
    /// The origin of the issuer, and those of [`Config::cors_origins`].
    pub(crate) fn new(config: &Config) -> Self {
        let issuer = Url::parse(&config.issuer).ok().map(|issuer| issuer.origin().ascii_serialization());
        Self(config.cors_origins.iter().map(|origin| origin.as_str().to_owned()).chain(issuer).collect())
    }

    /// Whether a request comes from a page of another site.
    pub(crate) fn is_foreign(&self, source: RequestSource<'_>) -> bool {
        let RequestSource { origin, fetch_site, hosts } = source;
        if origin.is_some_and(|origin| self.0.iter().any(|own| own == origin)) {
            return false;
        }
        match fetch_site {
            // The browser compares the page's origin with the address to which it sends the request, so it does not matter
            // how proxies change `Host`. `none`: an action of the user or a browser extension, and not of a page.
            Some("same-origin" | "none") => false,
            Some("same-site" | "cross-site") => true,
            // Browsers do not send it over http to other addresses than localhost; older browsers never do.
            Some(_) | None => origin.is_some_and(|origin| !hosts.iter().flatten().any(|host| is_at(origin, host))),
        }
    }
}

/// Whether an origin is that of the host, which may have the default port.
fn is_at(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let default_port = if scheme == "https" { ":443" } else { ":80" };
    authority.eq_ignore_ascii_case(host.strip_suffix(default_port).unwrap_or(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins() -> PageOrigins {
        PageOrigins::new(&Config {
            issuer: "https://api.shop.example/auth".to_owned(),
            cors_origins: vec!["https://shop.example".parse().unwrap(), "capacitor://localhost".parse().unwrap()],
            ..Config::default()
        })
    }

    fn source<'a>(origin: &'a str, fetch_site: &'a str, host: &'a str) -> RequestSource<'a> {
        let given = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        RequestSource { origin: given(origin), fetch_site: given(fetch_site), hosts: [given(host), None, None] }
    }

    #[test]
    fn s13_a_request_of_an_own_page_or_of_no_page_is_not_foreign() {
        for (origin, fetch_site, host) in [
            // No browser: curl, a native app, a server.
            ("", "", "api.shop.example"),
            ("", "none", "api.shop.example"),
            // Pages of this server, also behind a proxy that changes `Host`.
            ("https://other.example", "same-origin", "127.0.0.1:8000"),
            ("null", "same-origin", "127.0.0.1:8000"),
            ("", "same-origin", "127.0.0.1:8000"),
            ("https://api.shop.example", "", "127.0.0.1:8000"),
            ("http://192.168.1.5:8000", "", "192.168.1.5:8000"),
            ("https://other.example", "", "other.example:443"),
            ("http://[::1]:8000", "", "[::1]:8000"),
            // Configured pages and apps.
            ("https://shop.example", "same-site", "api.shop.example"),
            ("https://shop.example", "", "api.shop.example"),
            ("capacitor://localhost", "cross-site", "api.shop.example"),
            // A browser extension.
            ("chrome-extension://abc", "none", "api.shop.example"),
        ] {
            assert!(!origins().is_foreign(source(origin, fetch_site, host)), "{origin} {fetch_site} {host}");
        }
        let behind_proxy = RequestSource {
            hosts: [Some("127.0.0.1:8000"), None, Some("shop.internal")],
            ..source("http://shop.internal", "", "")
        };
        assert!(!origins().is_foreign(behind_proxy));
    }

    #[test]
    fn s13_a_request_of_a_foreign_page_is_recognized() {
        for (origin, fetch_site, host) in [
            ("https://evil.example", "cross-site", "api.shop.example"),
            ("https://evil.shop.example", "same-site", "api.shop.example"),
            ("https://evil.example", "", "api.shop.example"),
            ("https://evil.example", "unknown", "api.shop.example"),
            ("http://shop.example", "", "api.shop.example"),
            ("https://api.shop.example:8443", "", "api.shop.example"),
            ("https://api.shop.example.evil.example", "", "api.shop.example"),
            // A sandboxed frame, or a page with `Referrer-Policy: no-referrer`.
            ("null", "cross-site", "api.shop.example"),
            ("null", "", "api.shop.example"),
            ("", "cross-site", "api.shop.example"),
            ("", "same-site", "api.shop.example"),
            ("https://evil.example", "", ""),
        ] {
            assert!(origins().is_foreign(source(origin, fetch_site, host)), "{origin} {fetch_site} {host}");
        }
    }
}
