//! The names of the issuers of ID tokens (`--oidc-issuer`)

use std::fs::{File, read_to_string};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::guest::Guest;
use crate::support::oidc_issuer::{CLIENT, Issuer, SigningKey};
use crate::support::process::{Process, guestpass, run};
use crate::support::wait::until;

/// A server that trusts this issuer, and its log.
fn serve(directory: &Path, issuer: &str) -> (Process, PathBuf) {
    let log = directory.join("log");
    let mut command = guestpass();
    command.args(["serve", "--oidc-issuer", &format!("{issuer}={CLIENT}")]).stderr(File::create(&log).unwrap());
    (Process::spawn_serve(&mut command, &directory.join("guestpass.db")), log)
}

async fn link(server: &Process, token: &str) -> (u16, Value) {
    let guest = Guest::log_in(server).await;
    let request = server.http.post(format!("{}/link", server.url)).bearer_auth(&guest.refresh);
    let body = json!({ "id_token": token }).to_string();
    let response = request.header("content-type", "application/json").body(body).send().await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&response.text().await.unwrap()).unwrap())
}

fn now() -> i64 {
    let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    since_epoch.as_secs().try_into().unwrap()
}

#[tokio::test]
async fn a_name_that_differs_is_logged_at_the_start_and_refused_at_once() {
    let issuer = Issuer::start().await;
    let key = SigningKey::es256("first");
    issuer.publish(&[key.jwk()]);
    for (named, advice) in [
        (format!("{}/", issuer.url), "write the name of the document"),
        (format!("{}/{{tenantid}}/v2.0", issuer.url), "name the issuer of each tenant"),
    ] {
        issuer.set_discovery(json!({ "issuer": named, "jwks_uri": format!("{}/keys", issuer.url) }));
        let directory = tempfile::tempdir().unwrap();

        let (server, log) = serve(directory.path(), &issuer.url);

        let log = || read_to_string(&log).unwrap();
        until("the log has the error", async || log().contains(advice)).await;
        let log = log();
        let lines: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
        assert!(lines.len() == 1 && lines[0].contains(&format!("names it {}, ", issuer.url)), "{log}");
        assert!(lines[0].contains(&format!("its discovery document {named}: ")), "{log}");
        for name in [&issuer.url, &named] {
            let mut claims = issuer.claims("ada", now());
            claims["iss"] = name.as_str().into();
            let (status, problem) = link(&server, &key.sign(&claims)).await;
            assert_eq!((status, &problem["code"]), (403, &json!("invalid_id_token")), "{name}: {problem}");
        }
    }
    assert_eq!(issuer.key_fetches(), 0);
}

#[tokio::test]
async fn an_issuer_that_does_not_respond_stops_no_server() {
    let directory = tempfile::tempdir().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();

    let (server, log) = serve(directory.path(), &format!("http://{closed}"));

    until("the log has the warning", async || read_to_string(&log).unwrap().contains("could not be fetched")).await;
    assert!(!read_to_string(&log).unwrap().contains("ERROR"));
    Guest::log_in(&server).await;
}

#[test]
fn a_template_of_many_issuers_is_refused() {
    let setting = format!("https://login.microsoftonline.com/{{tenantid}}/v2.0={CLIENT}");
    let output = run(guestpass().args(["serve", "--store", "sqlite:/proc/guestpass.db", "--oidc-issuer", &setting]));

    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), line.lines().count()), (Some(2), 1), "{line}");
    assert!(line.contains("repeat the setting for each tenant"), "{line}");
}
