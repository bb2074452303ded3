//! The address of a client behind proxies (S10).
//!
//! Any client can write an `X-Forwarded-For`. Each proxy appends the address from which it received the request, so the list is
//! reliable from its right end as far as the proxies are trusted: the client is the rightmost address that is not a trusted
//! proxy. `Forwarded` (RFC 7239) is not read, because proxies that do not support it forward the header of the client
//! unchanged.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;

/// The network that counts as one client: an IPv4 address, or the /64 of an IPv6 address, which one customer usually has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientNetwork(IpAddr);

impl From<IpAddr> for ClientNetwork {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(prefix(address, 64)),
        }
    }
}

impl ClientNetwork {
    /// The IPv6 network of `length` bits, at most 64, that contains this one. `None` for an IPv4 address: how its neighbours
    /// are shared out cannot be told from the address.
    pub(crate) fn within(self, length: u32) -> Option<Self> {
        match self.0 {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(Self(prefix(address, length))),
        }
    }

    /// The network that one customer of a provider has at most: an IPv4 address, or the /48 of an IPv6 address.
    pub fn allocation(self) -> Self {
        self.within(48).unwrap_or(self)
    }
}

fn prefix(address: Ipv6Addr, length: u32) -> IpAddr {
    let host_bits = 128_u32.saturating_sub(length);
    Ipv6Addr::from_bits(address.to_bits() & u128::MAX.checked_shl(host_bits).unwrap_or(0)).into()
}

/// `203.0.113.7` or `2001:db8:1:2::/64`.
impl fmt::Display for ClientNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

impl ClientNetwork {
    /// The network for the audit trail.
    pub(crate) fn network(self) -> IpNet {
        let network = match self.0 {
            IpAddr::V4(_) => IpNet::from(self.0),
            IpAddr::V6(_) => IpNet::new(self.0, 64).unwrap_or(IpNet::from(self.0)),
        };
        network.trunc()
    }
}

/// The proxies whose `X-Forwarded-For` is read.
#[derive(Debug, Clone)]
pub(crate) struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub(crate) fn new(networks: &[IpNet]) -> Self {
        Self(networks.to_vec())
    }

    /// Whether no proxy is trusted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The network of the client behind the connected `peer`. See [`Self::address_behind`].
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn client_behind<'a>(&self, peer: IpAddr, forwarded: impl Iterator<Item = &'a [u8]>) -> ClientNetwork {
        self.address_behind(peer, forwarded).into()
    }

    /// The client behind the connected `peer`. `forwarded` has the lines of `X-Forwarded-For`, the last one first.
    pub(crate) fn address_behind<'a>(&self, peer: IpAddr, forwarded: impl Iterator<Item = &'a [u8]>) -> IpAddr {
        let mut client = peer.to_canonical();
        let mut hops = forwarded.flat_map(|line| line.rsplit(|byte| *byte == b','));
        while self.trusts(client) {
            // If a hop cannot be read, the client behind it is unknown, and the proxy that passed it on is counted instead.
            let Some(hop) = hops.next().and_then(address) else { break };
            client = hop;
        }
        client
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }
}

/// Reads one hop: an address, with or without a port.
fn address(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(proxies: &[&str], peer: &str, lines: &[&str]) -> String {
        let networks: Vec<IpNet> = proxies.iter().map(|network| network.parse().unwrap()).collect();
        let lines = lines.iter().rev().map(|line| line.as_bytes());
        TrustedProxies::new(&networks).client_behind(peer.parse().unwrap(), lines).0.to_string()
    }

    #[test]
    fn s10_a_header_from_the_client_itself_is_ignored() {
        assert_eq!(client(&[], "203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.7", &["10.0.0.1", "198.51.100.1"]), "203.0.113.7");
    }

    #[test]
    fn s10_the_rightmost_hop_that_is_not_a_trusted_proxy_is_the_client() {
        let proxies = ["10.0.0.0/8", "2001:db8:1::/48"];

        assert_eq!(client(&proxies, "10.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        // The client has forged the first hop; the proxy appended the second.
        assert_eq!(client(&proxies, "10.0.0.1", &["192.0.2.1, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&proxies, "10.0.0.1", &["192.0.2.1", "198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&proxies, "10.0.0.1", &["192.0.2.1", "198.51.100.1 ,10.9.9.9,10.1.1.1"]), "198.51.100.1");
        assert_eq!(client(&proxies, "2001:db8:1::1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&proxies, "10.0.0.1", &["10.0.0.2"]), "10.0.0.2");
        assert_eq!(client(&proxies, "10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn s10_a_hop_may_have_a_port_and_hops_left_of_an_unreadable_one_are_ignored() {
        let proxies = ["10.0.0.0/8"];

        assert_eq!(client(&proxies, "10.0.0.1", &["198.51.100.1:3128"]), "198.51.100.1");
        assert_eq!(client(&proxies, "10.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::");
        assert_eq!(client(&proxies, "10.0.0.1", &["[2001:db8::1]"]), "2001:db8::");
        for unreadable in ["", "unknown", "198.51.100.1, x", "198.51.100.1,", "for=192.0.2.60", "1.2.3", "10.0.0.1\t,é"]
        {
            assert_eq!(client(&proxies, "10.0.0.1", &[unreadable]), "10.0.0.1", "{unreadable}");
        }
    }

    #[test]
    fn s10_an_ipv6_client_counts_by_its_64_and_a_mapped_ipv4_address_as_that_address() {
        let proxies = ["10.0.0.0/8"];

        assert_eq!(client(&[], "2001:db8:1:2:3:4:5:6", &[]), "2001:db8:1:2::");
        assert_eq!(client(&[], "::ffff:198.51.100.1", &[]), "198.51.100.1");
        assert_eq!(client(&proxies, "::ffff:10.0.0.1", &["::ffff:198.51.100.1"]), "198.51.100.1");
    }

    #[test]
    fn s14_an_ipv6_network_is_part_of_a_56_and_of_a_48() {
        let network = |address: &str| ClientNetwork::from(address.parse::<IpAddr>().unwrap());

        let client = network("2001:db8:1:2f3:4:5:6:7");

        assert_eq!(client.to_string(), "2001:db8:1:2f3::/64");
        assert_eq!(client.within(56), Some(network("2001:db8:1:200::")));
        assert_eq!(client.within(48), Some(network("2001:db8:1::")));
        assert_eq!(client.allocation(), network("2001:db8:1::"));
        let client = network("203.0.113.7");
        assert_eq!(client.to_string(), "203.0.113.7");
        assert_eq!(client.within(48), None);
        assert_eq!(client.allocation(), client);
    }
}
