//! nginx with the configuration of the example, `server/examples/nginx`.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::client::Client;
use crate::nodes::Node;
use crate::postgres;

const EXAMPLE: &str = include_str!("../../../examples/nginx/guestpass.conf");
/// The addresses of the nodes in the example.
const NODE_ADDRESSES: [&str; 3] = ["10.0.0.11:8000", "10.0.0.12:8000", "10.0.0.13:8000"];
/// The flag with which the example makes each node trust nginx.
const TRUST_FLAG: &str = "--trusted-proxy 10.0.0.10";
/// The limits of the example.
const LIMITS: [&str; 2] =
    ["limit_req zone=guestpass_requests burst=1000 nodelay;", "limit_conn guestpass_connections 200;"];
/// Response header with the addresses of the nodes to which nginx sent the request; the last node responded.
pub(crate) const NODES_HEADER: &str = "nodes";

pub(crate) struct Nginx {
    process: Child,
    address: String,
    _files: TempDir,
}

/// Three nodes with the flags of the example; nginx has the address of this machine.
pub(crate) fn nodes(store: &str, flags: &[&str]) -> Vec<Node> {
    assert!(EXAMPLE.contains(TRUST_FLAG));
    Node::start_together_with(store, NODE_ADDRESSES.len(), &[&["--trusted-proxy", "127.0.0.1"], flags].concat())
}

impl Nginx {
    /// Starts nginx in front of three nodes. All clients of a test have one address, so the limits of the example do not apply.
    pub(crate) fn start(nodes: &[Node]) -> Self {
        assert!(EXAMPLE.contains(LIMITS[0]) && EXAMPLE.contains(LIMITS[1]));
        Self::start_with(nodes, &EXAMPLE.replace(LIMITS[0], "").replace(LIMITS[1], ""))
    }

    fn start_with(nodes: &[Node], site: &str) -> Self {
        let files = tempfile::tempdir().unwrap();
        let directory = files.path();
        // If the test runs as root, the workers of nginx run as another user, which needs access to the folders for bodies.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory, open).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let listen = format!("127.0.0.1:{port}");
        let mut site = site.replace("listen 80;", &format!("listen {listen};"));
        for (address, node) in NODE_ADDRESSES.into_iter().zip(nodes) {
            assert!(site.contains(address));
            site = site.replace(&format!("server {address}"), &format!("server {}", node.address()));
        }
        std::fs::write(directory.join("site.conf"), site).unwrap();
        std::fs::write(directory.join("nginx.conf"), main_file(directory)).unwrap();
        let process = Command::new(program())
            .args(["-e", "stderr", "-c"])
            .arg(directory.join("nginx.conf"))
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx: run scripts/setup nginx");
        while TcpStream::connect(&listen).is_err() {
            std::thread::yield_now();
        }
        Self { process, address: listen, _files: files }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM, so that its workers end, too.
        let _ = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

/// Debian installs nginx in a folder that only the PATH of root contains.
fn program() -> &'static str {
    if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" }
}

fn main_file(directory: &Path) -> String {
    let here = directory.display();
    let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("    {name}_temp_path {here}/{name};\n"))
        .concat();
    format!(
        "daemon off;\nworker_processes 2;\npid {here}/pid;\nevents {{}}\nhttp {{\n    access_log off;\n\
         {paths}    add_header {NODES_HEADER} $upstream_addr always;\n    include {here}/site.conf;\n}}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_behind_nginx_each_client_is_counted_by_its_own_address_whatever_it_sends() {
    let database = postgres::database();
    let nodes = nodes(&database.url, &["--login-rate", "1/1h"]);
    let nginx = Nginx::start(&nodes);
    let visitor = nginx.client().at([127, 0, 0, 2]);
    let mut admitted = 0;

    // Enough logins for the limit of one client at each node, each with another X-Forwarded-For.
    for number in 0..12 {
        for forwarded in [format!("198.51.100.{number}"), format!("198.51.100.{number}, 127.0.0.1")] {
            match visitor.login_with_forwarded_for(&forwarded).await.status.as_u16() {
                200 => admitted += 1,
                429 => {}
                status => panic!("{status}"),
            }
        }
    }

    assert_eq!(admitted, nodes.len(), "one login for each node");
    nginx.client().at([127, 0, 0, 3]).login().await;
    // A client on the machine of the proxy cannot choose its address either.
    let local_client = nginx.client();
    let mut admitted = 0;
    for number in 0..12 {
        admitted +=
            usize::from(local_client.login_with_forwarded_for(&format!("203.0.113.{number}")).await.status == 200);
    }
    assert_eq!(admitted, nodes.len());
}

/// The limits of the example with smaller numbers. The clients are told apart by the header that the test trusts.
#[tokio::test(flavor = "multi_thread")]
async fn s14_nginx_limits_each_client_and_an_ipv6_client_is_its_64_network() {
    let database = postgres::database();
    let nodes = nodes(&database.url, &["--login-rate", "off"]);
    let site = EXAMPLE.replace("rate=200r/s", "rate=1r/m").replace("burst=1000", "burst=9");
    assert!(site.contains("rate=1r/m") && site.contains("burst=9"));
    let nginx = Nginx::start_with(&nodes, &format!("set_real_ip_from 127.0.0.1; real_ip_header X-Client;\n{site}"));
    let http = reqwest::Client::new();
    let send = async |client: &str| {
        let request = http.post(format!("http://{}/anonymous-login", nginx.address)).header("x-client", client);
        request.send().await.unwrap()
    };
    // The last eight bytes differ, and contain line feeds and zeros.
    let addresses = |network: &str| (0..12).map(|host| format!("{network}:0a0a:0:a00:{host:x}")).collect::<Vec<_>>();

    for network in ["2001:db8:0:a0a", "2001:db8:0:a0b"] {
        let mut statuses = Vec::new();
        for client in addresses(network) {
            statuses.push(send(&client).await.status().as_u16());
        }
        // The first request, and the burst.
        assert_eq!(statuses, [vec![200; 10], vec![429; 2]].concat(), "{network}");
    }
    for client in ["192.0.2.1", "192.0.2.2"] {
        assert_eq!(send(client).await.status(), 200);
    }
    let refused = send("2001:db8:0:a0a::77").await;
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"5".parse().unwrap()));
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = serde_json::from_slice(&refused.bytes().await.unwrap()).unwrap();
    assert_eq!(problem["status"], 429);
}
