//! Who makes a change, for the audit trail and for the labels of sessions.
//!
//! The actor is context of a request, as its tracing span is: the routes set it once, and the stores read it where they write
//! an entry. It follows the work to another task or thread only where that is written: in `auth::run_to_completion` and in the
//! writer of SQLite.

use std::fmt;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;

use ipnet::IpNet;
use serde::{Serialize, Serializer};

use crate::settings::InvalidValue;

tokio::task_local! {
    static CURRENT: Actor;
}

/// The party that makes a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Actor {
    pub(crate) role: Role,
    /// The network of the client, as the limits count it.
    pub(crate) network: Option<IpNet>,
    /// Browser and system of a client, or the name of an operator.
    pub(crate) label: Option<Label>,
}

/// The role of an actor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A client of the HTTP API.
    Client,
    /// The server itself, such as after the reuse of a refresh token.
    Server,
    /// An operator, with a command.
    Operator,
}

impl Role {
    /// `client`, `server` or `operator`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Operator => "operator",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Client, Self::Server, Self::Operator].into_iter().find(|role| role.name() == name)
    }
}

impl Actor {
    const SERVER: Self = Self { role: Role::Server, network: None, label: None };

    /// The client that sends a request.
    pub(crate) fn client(network: Option<IpNet>, user_agent: Option<&str>) -> Self {
        Self { role: Role::Client, network, label: user_agent.map(Label::of_user_agent) }
    }

    /// The operator who runs this process, by the name of the user account of the operating system.
    pub(crate) fn operator() -> Self {
        let named = |variable: &str| Label::new(&std::env::var(variable).ok()?);
        let label = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(named).or_else(user_account);
        Self { role: Role::Operator, network: None, label }
    }

    /// The actor of the current task; the server, if none was set.
    pub(crate) fn current() -> Self {
        CURRENT.try_with(|actor| *actor).unwrap_or(Self::SERVER)
    }

    /// Runs `work` with this actor as the current one.
    pub(crate) fn scope<W: Future>(self, work: W) -> impl Future<Output = W::Output> {
        CURRENT.scope(self, work)
    }

    /// As [`Actor::scope`] on a thread without a task.
    pub(crate) fn sync_scope<T>(self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, work)
    }
}

/// The name of the user account that runs this process, for containers and timers, whose environment does not have it. If the
/// machine has no name for the account, `uid 1000` with its number. `None` on a system without `/proc`.
fn user_account() -> Option<Label> {
    let uid = std::fs::metadata("/proc/self").ok()?.uid().to_string();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    // Name, password and number are the first fields of a line.
    let name_of = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    };
    Label::new(&accounts.lines().find_map(name_of).unwrap_or_else(|| format!("uid {uid}")))
}

/// The greatest length of a label in bytes.
const LABEL_LENGTH: usize = 32;

/// A short name of a client or an operator: printable ASCII of at most 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Label {
    bytes: [u8; LABEL_LENGTH],
    length: u8,
}

/// Names of browsers and programs, by a part of the header `User-Agent`. The first match counts: most browsers name others too.
const CLIENTS: [(&str, &str); 36] = [
    // Robots first: many name the browser that they run.
    ("bot/", "bot"),
    ("Bot/", "bot"),
    ("bot ", "bot"),
    ("crawler", "bot"),
    ("externalhit", "bot"),
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("OPiOS/", "Opera"),
    ("Vivaldi/", "Vivaldi"),
    ("DuckDuckGo/", "DuckDuckGo"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("YaBrowser/", "Yandex"),
    ("MicroMessenger/", "WeChat"),
    ("UCBrowser/", "UC Browser"),
    // Of the browser in an Android app.
    ("; wv)", "WebView"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
    // The browser in an iOS app names no Safari.
    ("AppleWebKit/", "WebView"),
    // The HTTP clients of Apple's and Android's systems, for apps without a browser.
    ("CFNetwork/", "app"),
    ("Dalvik/", "app"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
    ("python", "Python"),
    ("Python", "Python"),
    ("axios/", "Node"),
    ("undici", "Node"),
    ("Go-http-client/", "Go"),
    ("okhttp/", "OkHttp"),
    ("node", "Node"),
    ("Deno/", "Deno"),
    ("Bun/", "Bun"),
    ("Dart/", "Dart"),
];

/// Names of operating systems, by a part of the header `User-Agent`.
const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iOS"),
    ("iPad", "iOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

impl Label {
    /// The printable ASCII of `text`, up to the greatest length. `None` if nothing is left.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let mut label = Self { bytes: [0; LABEL_LENGTH], length: 0 };
        let printable = text.trim().bytes().filter(|byte| (b' '..=b'~').contains(byte));
        for (place, byte) in label.bytes.iter_mut().zip(printable) {
            *place = byte;
            label.length += 1;
        }
        (label.length > 0).then_some(label)
    }

    /// Browser and system, such as `Firefox on Windows`. Nothing of the header itself is kept: the client chooses its text.
    fn of_user_agent(user_agent: &str) -> Self {
        // Common headers are shorter.
        let user_agent = user_agent.char_indices().nth(512).map_or(user_agent, |(end, _)| &user_agent[..end]);
        let name = |names: &[(&str, &'static str)]| {
            names.iter().find(|(part, _)| user_agent.contains(part)).map(|(_, name)| *name)
        };
        let text = match (name(&CLIENTS), name(&SYSTEMS)) {
            (Some(client), Some(system)) => &format!("{client} on {system}"),
            (Some(client), None) => client,
            (None, Some(system)) => &format!("other on {system}"),
            (None, None) => "other",
        };
        Self::new(text).unwrap_or(Self { bytes: [b'?'; LABEL_LENGTH], length: 1 })
    }

    pub(crate) fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl Serialize for Label {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A network as the stores write it: an IPv4 client as its address, every other network with the length of its prefix.
pub(crate) fn network_text(network: IpNet) -> String {
    match network {
        IpNet::V4(network) if network.prefix_len() == 32 => network.addr().to_string(),
        network => network.to_string(),
    }
}

/// Reads a network, or one address.
pub(crate) fn parse_network(text: &str) -> Result<IpNet, InvalidValue> {
    let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| InvalidValue("expected an address such as 203.0.113.7, or a network such as 2001:db8:1:2::/64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_browser_and_system() {
        for (user_agent, label) in [
            ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Windows"),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Safari/605.1.15",
                "Safari on macOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/136.0 Mobile/15E148 Safari/604.1",
                "Chrome on iOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36 Edg/136.0.0.0",
                "Edge on Linux",
            ),
            ("curl/8.14.1", "curl"),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36 Edg/136.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Mobile Safari/537.36 EdgA/136.0.0.0",
                "Edge on Android",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/135.0.0.0 Safari/537.36 OPR/120.0.0.0",
                "Opera on macOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
                "Samsung Internet on Android",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A.240205.002; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/136.0.7103.60 Mobile Safari/537.36",
                "WebView on Android",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
                "WebView on iOS",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.4 Mobile/15E148 Safari/604.1",
                "Safari on iOS",
            ),
            ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "Firefox on Android"),
            ("Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Firefox on Linux"),
            (
                "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.0.0 Safari/537.36",
                "Chrome on ChromeOS",
            ),
            (
                "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/136.0.7103.92 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
                "bot on Android",
            ),
            ("Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)", "bot"),
            ("facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)", "bot"),
            ("MyApp/1 CFNetwork/3826.500.111 Darwin/24.4.0", "app"),
            ("Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8 Build/UQ1A.240205.002)", "app on Android"),
            ("node", "Node"),
            ("undici", "Node"),
            ("axios/1.9.0", "Node"),
            ("Python/3.13 aiohttp/3.11.18", "Python"),
            ("python-httpx/0.28.1", "Python"),
            ("'; DROP TABLE session; --", "other"),
            ("", "other"),
        ] {
            assert_eq!(Label::of_user_agent(user_agent).as_str(), label, "{user_agent}");
        }
    }

    #[test]
    fn every_label_of_a_client_is_whole() {
        for (part, client) in CLIENTS {
            for (system, name) in SYSTEMS {
                let label = Label::of_user_agent(&format!("{part} {system}"));
                assert!(label.as_str().starts_with(client) && label.as_str().ends_with(name), "{label:?}");
            }
        }
    }

    #[test]
    fn a_label_has_a_limited_length_and_no_control_characters() {
        assert_eq!(Label::new("ada\r\n\u{1b}[31m é").unwrap().as_str(), "ada[31m ");
        assert_eq!(Label::new(&"x".repeat(1000)).unwrap().as_str().len(), LABEL_LENGTH);
        assert_eq!(Label::new("\n"), None);
    }

    #[tokio::test]
    async fn the_actor_of_a_task_is_the_one_of_its_scope() {
        let network = parse_network("2001:db8:1:2::/64").unwrap();
        let client = Actor::client(Some(network), Some("curl/8"));

        assert_eq!(client.scope(async { Actor::current() }).await, client);
        assert_eq!(client.sync_scope(Actor::current), client);
        assert_eq!(Actor::current(), Actor::SERVER);
        assert_eq!(network_text(network), "2001:db8:1:2::/64");
        assert_eq!(network_text(parse_network("203.0.113.7").unwrap()), "203.0.113.7");
    }
}
