//! One server behind Caddy with the Caddyfile of the example: TLS, addresses of clients, a restart.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::{Certificate, Client, StatusCode};
use tempfile::TempDir;

use crate::client::until;
use crate::nodes::Node;

const EXAMPLE: &str = include_str!("../../../examples/caddy/Caddyfile");
/// The name of the site in the example, and the address of the server.
const SITE: &str = "api.shop.example {";
const PLACE: &str = "reverse_proxy 127.0.0.1:8000 ";

struct Caddy {
    process: Child,
    url: String,
    files: TempDir,
}

impl Caddy {
    fn start(node: &Node) -> Self {
        let files = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("https://localhost:{port}");
        assert!(EXAMPLE.contains(SITE) && EXAMPLE.contains(PLACE));
        let site =
            EXAMPLE.replace(SITE, &format!("{url} {{")).replace(PLACE, &format!("reverse_proxy {} ", node.address()));
        let file = files.path().join("Caddyfile");
        std::fs::write(&file, format!("{}\n{site}", for_a_test(files.path()))).unwrap();
        let process = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            .env("HOME", files.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .stderr(Stdio::null())
            .spawn()
            .expect("caddy: run scripts/setup caddy");
        let caddy = Self { process, url, files };
        while TcpStream::connect(("127.0.0.1", port)).is_err() || !caddy.root().exists() {
            std::thread::yield_now();
        }
        caddy
    }

    /// The certificate of the authority that Caddy creates for `localhost`.
    fn root(&self) -> std::path::PathBuf {
        self.files.path().join("storage/pki/authorities/local/root.crt")
    }

    /// A client that trusts only that authority.
    fn client(&self) -> Client {
        let root = Certificate::from_pem(&std::fs::read(self.root()).unwrap()).unwrap();
        Client::builder().tls_certs_only([root]).build().unwrap()
    }
}

/// Global options that protect the machine of the test: no admin port, no port 80, no trusted authority, no files at home.
fn for_a_test(files: &Path) -> String {
    let storage = files.join("storage");
    format!(
        "{{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tstorage file_system {}\n}}",
        storage.display()
    )
}

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s10_behind_caddy_there_is_tls_and_each_client_is_counted_by_its_own_address() {
    let directory = tempfile::tempdir().unwrap();
    let store = format!("sqlite:{}", directory.path().join("guestpass.db").display());
    let mut node = Node::start_with(&store, &["--trusted-proxy", "127.0.0.1", "--login-rate", "1/1h"]);
    let caddy = Caddy::start(&node);
    let client = caddy.client();
    // Caddy opens the port before it has the certificate.
    until(async || client.get(format!("{}/healthz", caddy.url)).send().await.is_ok()).await;
    let login = || client.post(format!("{}/anonymous-login", caddy.url)).header("x-forwarded-for", "203.0.113.7");

    let response = login().send().await.unwrap();

    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert!(!response.headers().contains_key("server"), "{response:?}");
    let response: serde_json::Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    let token = response["access_token"].as_str().unwrap();
    let me = || client.get(format!("{}/me", caddy.url)).bearer_auth(token);
    assert_eq!(me().send().await.unwrap().status(), StatusCode::OK);
    // Caddy overwrites the X-Forwarded-For of the client.
    let again = login().header("x-forwarded-for", "198.51.100.1").send().await.unwrap();
    assert_eq!(again.status(), StatusCode::TOO_MANY_REQUESTS);
    // Directly to the server, from a trusted address: another client.
    let other = Client::new().post(format!("http://{}/anonymous-login", node.address()));
    assert_eq!(other.header("x-forwarded-for", "203.0.113.8").send().await.unwrap().status(), StatusCode::OK);

    node.stop();
    let waiting = tokio::spawn(me().send());
    node.start_again();

    assert_eq!(waiting.await.unwrap().unwrap().status(), StatusCode::OK, "a restart failed a request");
}
