//! The addresses that requests to an issuer may go to. An issuer names the URL of its keys by itself; without these rules it
//! could make this server send requests into the network of the operator (server-side request forgery).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::settings::is_secure;

/// The addresses that requests for the documents of one issuer may go to: those of the public internet, the networks that the
/// operator has allowed, and the host of the issuer itself if the operator configured it by an address or as `localhost`.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    /// The host of the issuer, if it is an address or `localhost`.
    own: Option<Host<String>>,
    may_use_http: bool,
    networks: Arc<[IpNet]>,
    /// The hosts of the proxies that the environment configures. Behind a proxy, the proxy decides which addresses are reached.
    proxies: Arc<[String]>,
}

/// A URL or an address that a request must not go to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum ReachError {
    #[error("{0} is not an https URL")]
    Scheme(Url),
    #[error(
        "{host} is at {address}, which is not a public address; if this issuer is in a private network, allow that network \
         with --oidc-private-network"
    )]
    Address { host: String, address: IpAddr },
    #[error("{0} has no address")]
    Unknown(String),
}

impl Reach {
    pub(super) fn new(issuer: &Url, networks: &[IpNet]) -> Self {
        let own = issuer.host().map(|host| host.to_owned());
        Self {
            own: own.filter(|host| !matches!(host, Host::Domain(name) if name != "localhost")),
            may_use_http: issuer.scheme() == "http",
            networks: networks.into(),
            proxies: proxies().into(),
        }
    }

    /// Checks the scheme of a URL, and the host if that is an address. A name is checked when it is resolved.
    pub(super) fn check(&self, url: &Url) -> Result<(), ReachError> {
        if url.scheme() != "https" && !(self.may_use_http && is_secure(url)) {
            return Err(ReachError::Scheme(url.clone()));
        }
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) | None => return Ok(()),
        };
        let is_own = self.own.is_some() && self.own == url.host().map(|host| host.to_owned());
        if is_own || self.permits(address) {
            return Ok(());
        }
        Err(ReachError::Address { host: url.host_str().unwrap_or_default().to_owned(), address })
    }

    fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.networks.iter().any(|network| network.contains(&address))
    }

    /// The addresses of a name that a connection may be made to.
    fn permitted(&self, name: &str, found: impl Iterator<Item = SocketAddr>) -> Result<Vec<SocketAddr>, ReachError> {
        let is_free = matches!(&self.own, Some(Host::Domain(own)) if own == name)
            || self.proxies.iter().any(|proxy| proxy.eq_ignore_ascii_case(name));
        let mut refused = ReachError::Unknown(name.to_owned());
        let mut permitted = Vec::new();
        for address in found {
            if is_free || self.permits(address.ip()) {
                permitted.push(address);
            } else {
                refused = ReachError::Address { host: name.to_owned(), address: address.ip() };
            }
        }
        if permitted.is_empty() { Err(refused) } else { Ok(permitted) }
    }
}

/// The HTTP client resolves a name once for each connection, and connects to the addresses that this returns. So a name cannot
/// have one address when it is checked, and another one when it is used (DNS rebinding).
impl Resolve for Reach {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let addresses: Addrs = Box::new(reach.permitted(name.as_str(), found)?.into_iter());
            Ok(addresses)
        })
    }
}

/// The variables from which the HTTP client takes its proxies.
const PROXY_VARIABLES: [&str; 6] = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];

fn proxies() -> Vec<String> {
    let values = PROXY_VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
    let host = |value: String| {
        let url = if value.contains("://") { value } else { format!("http://{value}") };
        Url::parse(&url).ok()?.host_str().map(str::to_owned)
    };
    values.filter_map(host).collect()
}

/// IPv4 networks that are not part of the public internet (IANA, IPv4 Special-Purpose Address Registry), and multicast.
const SPECIAL_V4: [([u8; 4], u8); 15] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
];

/// Networks in 2000::/3, the public IPv6 internet, that are not part of it: protocols such as Teredo, documentation, and 6to4,
/// whose addresses contain IPv4 addresses.
const SPECIAL_V6: [([u16; 8], u8); 4] = [
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// Whether an address is part of the public internet. For an IPv4 address in an IPv6 address (mapped, or in the NAT64 prefix of
/// RFC 6052), the IPv4 address decides.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => !SPECIAL_V4
            .iter()
            .any(|(network, length)| Ipv4Net::new_assert(Ipv4Addr::from(*network), *length).contains(&address)),
        IpAddr::V6(address) => {
            let [high @ .., a, b] = address.segments();
            if high == [0x64, 0xff9b, 0, 0, 0, 0] {
                return is_public(Ipv4Addr::from_bits(u32::from(a) << 16 | u32::from(b)).into());
            }
            let special = |(network, length): &([u16; 8], u8)| {
                Ipv6Net::new_assert(Ipv6Addr::from(*network), *length).contains(&address)
            };
            address.segments()[0] & 0xe000 == 0x2000 && !SPECIAL_V6.iter().any(special)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(issuer: &str, networks: &[&str]) -> Reach {
        let networks: Vec<IpNet> = networks.iter().map(|network| network.parse().unwrap()).collect();
        Reach::new(&issuer.parse().unwrap(), &networks)
    }

    const NOT_PUBLIC: [&str; 36] = [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b::10.0.0.1",
        "64:ff9b:1::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
    ];

    #[test]
    fn addresses_outside_of_the_public_internet_are_refused() {
        let reach = reach("https://accounts.example", &[]);
        for address in NOT_PUBLIC {
            let address: IpAddr = address.parse().unwrap();
            let host = SocketAddr::new(address, 443);
            let url: Url = format!("https://{host}/keys").parse().unwrap();
            assert!(matches!(reach.check(&url), Err(ReachError::Address { .. })), "{url}");
            assert!(reach.permitted("accounts.example", [host].into_iter()).is_err(), "{address}");
        }
        for address in ["1.1.1.1", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "64:ff9b::1.1.1.1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        // The parser of URLs reads numbers as addresses.
        for url in ["https://2130706433/", "https://0x7f.1/", "https://127.1/", "https://0251.0376.0251.0376/"] {
            assert!(reach.check(&url.parse().unwrap()).is_err(), "{url}");
        }
    }

    #[test]
    fn a_name_is_connected_to_at_its_public_addresses_only() {
        let reach = reach("https://accounts.example", &[]);
        let [private, public] = ["10.0.0.1:0", "1.1.1.1:0"].map(|text| text.parse::<SocketAddr>().unwrap());

        assert_eq!(reach.permitted("accounts.example", [private, public].into_iter()), Ok(vec![public]));
        let refused = reach.permitted("accounts.example", [private].into_iter()).unwrap_err().to_string();
        assert!(refused.starts_with("accounts.example is at 10.0.0.1, "), "{refused}");
        assert!(reach.permitted("accounts.example", [].into_iter()).is_err());
    }

    #[test]
    fn an_issuer_at_a_local_address_has_its_keys_at_the_same_host() {
        let check = |issuer: &str, url: &str| reach(issuer, &[]).check(&url.parse().unwrap()).is_ok();

        assert!(check("http://127.0.0.1:9000", "http://127.0.0.1:9001/keys"));
        assert!(check("http://[::1]:9000", "http://[::1]:9001/keys"));
        assert!(check("https://10.0.0.5", "https://10.0.0.5/keys"));
        assert!(!check("https://10.0.0.5", "http://10.0.0.5/keys"));
        assert!(!check("https://10.0.0.5", "https://10.0.0.6/keys"));
        assert!(!check("http://127.0.0.1:9000", "http://127.0.0.2:9000/keys"));
        assert!(!check("https://127.0.0.1:9000", "http://127.0.0.1:9000/keys"));
        assert!(!check("https://accounts.example", "http://keys.example/"));
        assert!(check("https://accounts.example", "https://keys.example/"));
        let loopback = || ["127.0.0.1:0".parse().unwrap()].into_iter();
        assert!(reach("http://localhost:9000", &[]).permitted("localhost", loopback()).is_ok());
        assert!(reach("http://127.0.0.1:9000", &[]).permitted("localhost", loopback()).is_err());
        assert!(reach("https://accounts.example", &[]).permitted("accounts.example", loopback()).is_err());
    }

    #[test]
    fn the_operator_can_allow_private_networks() {
        let reach = reach("https://accounts.internal.example", &["10.1.0.0/16", "fd00::/8"]);
        let permits = |address: &str| reach.permits(address.parse().unwrap());

        assert!(permits("10.1.2.3") && permits("::ffff:10.1.2.3") && permits("fd00::1"));
        assert!(!permits("10.2.0.1") && !permits("127.0.0.1") && !permits("fe80::1"));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_when_it_is_resolved() {
        let resolved = reach("https://accounts.example", &[]).resolve("localhost".parse().unwrap()).await;

        assert!(resolved.err().unwrap().to_string().contains("not a public address"));
    }
}
