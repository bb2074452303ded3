//! Where a request comes from (S10).
//!
//! Anybody can write an `X-Forwarded-For`. Each proxy appends the address that it was asked from, so the list is true
//! from its right end as far as the proxies are ours: the client is the rightmost address that is not one of theirs.
//! `Forwarded` (RFC 7239) is not read: proxies that do not know it pass on what a client has made up.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Once;

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap, HeaderName};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// A client as the limits count it: an IPv4 address, or the /64 network of an IPv6 address, which providers assign to one
/// customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into()),
        }
    }
}

/// The proxies whose word is taken.
#[derive(Debug, Clone)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        Self(networks.to_vec())
    }

    /// The client behind a request. `None` if the embedding application does not say who is connected.
    pub(crate) fn client_of(&self, headers: &HeaderMap, extensions: &Extensions) -> Option<ClientNetwork> {
        let ConnectInfo(peer) = extensions.get::<ConnectInfo<SocketAddr>>()?;
        if self.0.is_empty() && headers.contains_key(X_FORWARDED_FOR) {
            tell_that_none_is_trusted();
        }
        Some(self.client_behind(peer.ip(), headers).into())
    }

    fn client_behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        while self.trusts(client) {
            // A hop that cannot be read is nobody's word: what lies behind it cannot be known, and the proxy that passed
            // it on is counted instead.
            let Some(hop) = hops.next().and_then(address) else { break };
            client = hop;
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Behind a proxy that is not named, everybody has the proxy's address, and one visitor uses up the limits of all. Told once:
/// anybody can send the header.
fn tell_that_none_is_trusted() {
    static TOLD: Once = Once::new();
    TOLD.call_once(|| {
        tracing::warn!(
            "a request came with X-Forwarded-For, which is ignored, since no proxy is trusted: if one is in front, all its \
             clients count as one; name it by --trusted-proxy"
        );
    });
}

/// One hop: an address, maybe with a port.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(proxies: &[&str], peer: &str, lines: &[&str]) -> String {
        let networks: Vec<IpNet> = proxies.iter().map(|network| network.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(line).unwrap());
        }
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 4711)));
        TrustedProxies::new(&networks).client_of(&headers, &extensions).unwrap().0.to_string()
    }

    #[test]
    fn s10_what_a_client_says_of_itself_counts_for_nothing() {
        assert_eq!(client(&[], "203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.7", &["10.0.0.1", "198.51.100.1"]), "203.0.113.7");
    }

    #[test]
    fn s10_the_rightmost_hop_that_is_no_proxy_of_ours_is_the_client() {
        let ours = ["10.0.0.0/8", "2001:db8:1::/48"];

        assert_eq!(client(&ours, "10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // The client has made up the first hop; the proxy appended the second.
        assert_eq!(client(&ours, "10.0.0.1", &["192.0.2.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&ours, "10.0.0.1", &["192.0.2.1", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&ours, "10.0.0.1", &["192.0.2.1", "198.51.100.1 ,10.9.9.9,10.1.1.1"]), "198.51.100.1");
        assert_eq!(client(&ours, "2001:db8:1::1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&ours, "10.0.0.1", &["10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(&ours, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn s10_a_hop_may_have_a_port_and_one_that_cannot_be_read_hides_what_is_left_of_it() {
        let ours = ["10.0.0.0/8"];

        assert_eq!(client(&ours, "10.0.0.1", &["198.51.100.1:3128"]), "198.51.100.1");
        assert_eq!(client(&ours, "10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::");
        assert_eq!(client(&ours, "10.0.0.1", &["[2001:db8::1]"]), "2001:db8::");
        for unreadable in ["", "unknown", "198.51.100.1, x", "198.51.100.1,", "for=192.0.2.60", "1.2.3", "10.0.0.1\t,é"]
        {
            assert_eq!(client(&ours, "10.0.0.1", &[unreadable]), "10.0.0.1", "{unreadable}");
        }
    }

    #[test]
    fn s10_an_ipv6_client_is_its_64_and_a_mapped_ipv4_address_is_that_address() {
        let ours = ["10.0.0.0/8"];

        assert_eq!(client(&[], "2001:db8:1:2:3:4:5:6", &[]), "2001:db8:1:2::");
        assert_eq!(client(&[], "::ffff:198.51.100.1", &[]), "198.51.100.1");
        assert_eq!(client(&ours, "::ffff:10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    }
}
