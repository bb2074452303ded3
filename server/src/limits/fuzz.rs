//! See [`crate::fuzz`].

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderName, HeaderValue};

use super::address::{ClientNetwork, TrustedProxies};
use crate::fuzz::header_lines;

const NAME: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Lines of `X-Forwarded-For`, from a stranger and from a proxy of ours.
pub fn forwarded(data: &[u8]) {
    let (Ok(network), Ok(stranger), Ok(proxy), Ok(client)) =
        ("10.0.0.0/8".parse(), "203.0.113.7:1".parse(), "10.0.0.1:1".parse(), "198.51.100.1:1".parse::<SocketAddr>())
    else {
        panic!("the addresses are good")
    };
    let proxies = TrustedProxies::new(&[network]);
    let client_of = |peer: SocketAddr, headers: &_| {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(peer));
        proxies.client_of(headers, &extensions)
    };
    let mut headers = header_lines(&NAME, data.split(|byte| *byte == b'\n'));

    // Whatever a stranger says of itself counts for nothing.
    assert_eq!(client_of(stranger, &headers), Some(ClientNetwork::from(stranger.ip())));
    assert!(client_of(proxy, &headers).is_some());
    // What our proxy has appended counts, whatever came before it.
    headers.append(NAME, HeaderValue::from_static("198.51.100.1"));
    assert_eq!(client_of(proxy, &headers), Some(ClientNetwork::from(client.ip())));
}
