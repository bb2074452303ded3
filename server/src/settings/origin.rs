//! Origins of pages, in the form in which browsers send them.

use std::str::FromStr;

use url::Url;

/// An origin (RFC 6454 §6.2): scheme, host and port, in the form of the header `Origin`. The scheme may be that of an app or of a
/// browser extension, as in `capacitor://localhost` and `chrome-extension://…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(String);

/// A text that no browser sends as an origin, or that must not be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// The text is not an origin.
    #[error(
        "expected a scheme, a host and, unless it is the default, a port, such as https://shop.example or capacitor://localhost"
    )]
    Malformed,
    /// The text names an origin in another way than browsers do, so it would never match.
    #[error("write {0}, as browsers send it")]
    Spelling(String),
    /// The text has a `*`.
    #[error("there are no wildcards: name each origin")]
    Wildcard,
    /// The origin of sandboxed frames, which any site can make.
    #[error("null is the origin of sandboxed frames, which every site can make: it names no page")]
    Null,
    /// Pages of files have the origin `null`.
    #[error(
        "pages of this scheme have the origin null, which names no page: serve them by http or https, or in an app by its scheme"
    )]
    Opaque,
}

/// The schemes of the URL standard whose pages have no origin of their own, and those of connections that no page is loaded by.
const OPAQUE_SCHEMES: [&str; 8] = ["about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"];

impl Origin {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = InvalidOrigin;

    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        if text == "null" {
            return Err(InvalidOrigin::Null);
        }
        if text.contains('*') {
            return Err(InvalidOrigin::Wildcard);
        }
        if !text.contains("://") {
            let is_local = text.starts_with("localhost") || text.starts_with("127.");
            let with_scheme = format!("{}://{text}", if is_local { "http" } else { "https" });
            let url = Url::parse(&with_scheme).map_err(|_| InvalidOrigin::Malformed)?;
            return Err(InvalidOrigin::Spelling(url.origin().ascii_serialization()));
        }
        if OPAQUE_SCHEMES.iter().any(|scheme| text.to_ascii_lowercase().starts_with(&format!("{scheme}:"))) {
            return Err(InvalidOrigin::Opaque);
        }
        // The parser of URLs removes these.
        if text.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(InvalidOrigin::Malformed);
        }
        let url = Url::parse(text).map_err(|_| InvalidOrigin::Malformed)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidOrigin::Malformed)?;
        // Of the scheme of an app, the URL standard knows no origin.
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let sent = format!("{}://{host}{port}", url.scheme());
        if sent == text { Ok(Self(sent)) } else { Err(InvalidOrigin::Spelling(sent)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        for origin in [
            "https://shop.example",
            "https://shop.example:8443",
            "http://localhost:5173",
            "http://127.0.0.1:8000",
            "http://[::1]:8000",
            "https://xn--exmple-cua.com",
            "capacitor://localhost",
            "ionic://localhost",
            "tauri://localhost",
            "http://tauri.localhost",
            "app://obsidian.md",
            "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
            "moz-extension://0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f",
            "safari-web-extension://0A1B2C3D-0A1B-0A1B-0A1B-0A1B2C3D4E5F",
        ] {
            assert_eq!(origin.parse::<Origin>().as_ref().map(Origin::as_str), Ok(origin));
        }
    }

    #[test]
    fn another_spelling_of_an_origin_is_refused_with_the_right_one() {
        for (text, right) in [
            ("https://shop.example:443", "https://shop.example"),
            ("http://shop.example:80", "http://shop.example"),
            ("http://shop.example:0080", "http://shop.example"),
            ("http://shop.example:", "http://shop.example"),
            ("http://shop.example:08000", "http://shop.example:8000"),
            ("https://shop.example/", "https://shop.example"),
            ("https://shop.example/cart?a=b#c", "https://shop.example"),
            ("https://ada:secret@shop.example", "https://shop.example"),
            ("HTTPS://Shop.Example", "https://shop.example"),
            ("https://exämple.com", "https://xn--exmple-cua.com"),
            ("http://127.1:8000", "http://127.0.0.1:8000"),
            ("http://[0:0::1]", "http://[::1]"),
            ("shop.example", "https://shop.example"),
            ("localhost:5173", "http://localhost:5173"),
            ("capacitor://localhost/", "capacitor://localhost"),
            ("Capacitor://localhost", "capacitor://localhost"),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin::Spelling(right.to_owned())), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_origins() {
        for (text, error) in [
            ("null", InvalidOrigin::Null),
            ("*", InvalidOrigin::Wildcard),
            ("https://*.shop.example", InvalidOrigin::Wildcard),
            ("file://", InvalidOrigin::Opaque),
            ("file:///srv/index.html", InvalidOrigin::Opaque),
            ("wss://shop.example", InvalidOrigin::Opaque),
            ("", InvalidOrigin::Malformed),
            ("http://x:99999", InvalidOrigin::Malformed),
            ("https://[", InvalidOrigin::Malformed),
            ("https://", InvalidOrigin::Malformed),
            ("capacitor://", InvalidOrigin::Malformed),
            ("capacitor://localhost:99999", InvalidOrigin::Malformed),
            ("https://shop example", InvalidOrigin::Malformed),
            ("https://shop.example\n", InvalidOrigin::Malformed),
        ] {
            assert_eq!(text.parse::<Origin>(), Err(error), "{text}");
        }
    }
}
