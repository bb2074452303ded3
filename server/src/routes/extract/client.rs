//! The client of a request, as it is counted by the limits.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Once;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderName, HeaderValue};

use crate::limits::{ClientNetwork, Limits};
use crate::server::Guestpass;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The network of the client, if the embedding application provides the address of the connection (axum's `ConnectInfo`).
#[derive(Debug, Clone, Copy)]
pub(in crate::routes) struct Client(pub(in crate::routes) Option<ClientNetwork>);

impl FromRequestParts<Guestpass> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, Guestpass { inner }: &Guestpass) -> Result<Self, Infallible> {
        Ok(Self(client_of(&inner.limits, &parts.headers, &parts.extensions)))
    }
}

/// The address of the client, if the embedding application provides the address of the connection.
#[derive(Debug, Clone, Copy)]
pub(in crate::routes) struct ClientAddress(pub(in crate::routes) Option<IpAddr>);

impl FromRequestParts<Guestpass> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, Guestpass { inner }: &Guestpass) -> Result<Self, Infallible> {
        Ok(Self(address_of(&inner.limits, &parts.headers, &parts.extensions)))
    }
}

/// The network of the client that sent a request. `None` if the embedding application does not provide the address of the
/// connection.
pub(crate) fn client_of(limits: &Limits, headers: &HeaderMap, extensions: &Extensions) -> Option<ClientNetwork> {
    address_of(limits, headers, extensions).map(Into::into)
}

fn address_of(limits: &Limits, headers: &HeaderMap, extensions: &Extensions) -> Option<IpAddr> {
    let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
    if limits.proxies.is_empty() && headers.contains_key(X_FORWARDED_FOR) {
        warn_of_ignored_header();
    }
    let forwarded = headers.get_all(X_FORWARDED_FOR).iter().rev().map(HeaderValue::as_bytes);
    Some(limits.proxies.address_behind(peer.ip(), forwarded))
}

/// Behind a proxy that is not trusted, all clients have the address of the proxy, and one client can use up the limits of all.
/// Warns once, because any client can send the header.
fn warn_of_ignored_header() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            "a request has an X-Forwarded-For header, which is ignored because no proxy is trusted. If this server is behind a \
             proxy, all clients count as one: name the proxy with --trusted-proxy"
        );
    });
}

/// See [`crate::fuzz`].
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz {
    use std::net::SocketAddr;

    use axum::http::HeaderValue;

    use super::X_FORWARDED_FOR;
    use crate::limits::{ClientNetwork, TrustedProxies};
    use crate::routes::fuzz::header_lines;

    /// Lines of `X-Forwarded-For`, from an untrusted peer and from a trusted proxy.
    pub fn forwarded(data: &[u8]) {
        let (Ok(network), Ok(stranger), Ok(proxy), Ok(client)) = (
            "10.0.0.0/8".parse(),
            "203.0.113.7:1".parse(),
            "10.0.0.1:1".parse(),
            "198.51.100.1:1".parse::<SocketAddr>(),
        ) else {
            panic!("the addresses are valid")
        };
        let proxies = TrustedProxies::new(&[network]);
        let client_of = |peer: SocketAddr, headers: &axum::http::HeaderMap| {
            let lines = headers.get_all(X_FORWARDED_FOR).iter().rev().map(HeaderValue::as_bytes);
            proxies.client_behind(peer.ip(), lines)
        };
        let mut headers = header_lines(&X_FORWARDED_FOR, data.split(|byte| *byte == b'\n'));

        // The header of an untrusted peer is ignored.
        assert_eq!(client_of(stranger, &headers), ClientNetwork::from(stranger.ip()));
        let _ = client_of(proxy, &headers);
        // The hop that the trusted proxy has appended counts, whatever comes before it.
        headers.append(X_FORWARDED_FOR, HeaderValue::from_static("198.51.100.1"));
        assert_eq!(client_of(proxy, &headers), ClientNetwork::from(client.ip()));
    }
}
