//! The log: no secrets, and one warning about an untrusted proxy

use std::fs::{File, read_to_string};

use serde_json::Value;

use crate::support::process::{Process, guestpass};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

#[tokio::test]
async fn no_secret_is_logged_at_any_level() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let server = Process::start_logging(&directory.path().join("guestpass.db"), File::create(&log).unwrap());
    let post = |path: &str, content_type: &str, body: String| {
        let request = server.http.post(format!("{}{path}", server.url)).header("content-type", content_type);
        request.header("idempotency-key", KEY).body(body).send()
    };
    let form = "application/x-www-form-urlencoded";

    let login = post("/anonymous-login", "application/json", "{\"refresh\":true}".to_owned()).await.unwrap();
    let tokens: Value = serde_json::from_slice(&login.bytes().await.unwrap()).unwrap();
    let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    let query = format!("{}/me?access_token={access}", server.url);
    server.http.get(query).bearer_auth(access).send().await.unwrap();
    post("/token", form, format!("grant_type=refresh_token&refresh_token={refresh}")).await.unwrap();
    post("/revoke", form, format!("token={access}")).await.unwrap();
    server.http.get(format!("{}/me", server.url)).bearer_auth(access).send().await.unwrap();
    server.terminate();
    server.wait();

    let log = read_to_string(&log).unwrap();
    assert!(log.contains("/anonymous-login"), "nothing was logged: {log}");
    let signature = access.rsplit('.').next().unwrap();
    for secret in [KEY, access, signature, refresh, &refresh[4..]] {
        assert!(!log.contains(secret), "{secret} was logged");
    }
}

/// The number of log lines about --trusted-proxy, after logins with X-Forwarded-For.
async fn lines_about_proxies(flags: &[&str], forwarded: &[&str]) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let mut command = guestpass();
    command.arg("serve").args(flags).stderr(File::create(&log).unwrap());
    let server = Process::spawn_serve(&mut command, &directory.path().join("guestpass.db"));
    let login = || server.http.post(format!("{}/anonymous-login", server.url));
    assert_eq!(login().send().await.unwrap().status(), 200);
    for forwarded in forwarded {
        assert_eq!(login().header("x-forwarded-for", *forwarded).send().await.unwrap().status(), 200);
    }
    server.terminate();
    server.wait();
    let log = read_to_string(&log).unwrap();
    let lines: Vec<_> = log.lines().filter(|line| line.contains("--trusted-proxy")).collect();
    assert!(lines.iter().all(|line| line.contains("WARN")), "{log}");
    lines.len()
}

#[tokio::test]
async fn s10_the_log_warns_once_about_an_untrusted_proxy() {
    let claims = ["203.0.113.7", "203.0.113.8", "203.0.113.9"];

    assert_eq!(lines_about_proxies(&[], &claims).await, 1);
    assert_eq!(lines_about_proxies(&[], &[]).await, 0);
    assert_eq!(lines_about_proxies(&["--trusted-proxy", "127.0.0.1"], &claims).await, 0);
}

#[tokio::test]
async fn a_request_that_fails_is_one_line_with_its_cause() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let mut command = guestpass();
    command.arg("serve").stderr(File::create(path("log")).unwrap());
    let server = Process::spawn_serve(&mut command, &path("guestpass.db"));
    let login = || server.http.post(format!("{}/anonymous-login", server.url)).send();
    assert_eq!(login().await.unwrap().status(), 200);

    std::fs::rename(path("guestpass.db"), path("elsewhere")).unwrap();
    assert_eq!(login().await.unwrap().status(), 503);

    let log = read_to_string(path("log")).unwrap();
    // A job of the background fails for itself.
    let lines: Vec<_> = log.lines().filter(|line| line.contains("ERROR") && !line.contains("background job")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("/anonymous-login") && lines[0].contains("has been moved"), "{log}");
    std::fs::rename(path("elsewhere"), path("guestpass.db")).unwrap();
}
