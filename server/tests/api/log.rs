//! The log

use std::fs::{File, read_to_string};

use serde_json::Value;

use crate::support::process::Process;

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

#[tokio::test]
async fn nothing_secret_is_logged_even_at_the_loudest() {
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
