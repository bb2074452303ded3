//! `guestpass users`, beside a running server

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::database::Database;
use crate::support::process::{Process, guestpass, run};
use crate::support::wait::until;

const EMAIL: &str = "ada@example.com";
const PASSWORD: &str = "correct horse battery staple";

/// Runs `guestpass users ARGUMENTS` on the store. Returns exit code, standard output and standard error.
fn users(database: &Database, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output =
        run(guestpass().arg("users").args(arguments).env("GUESTPASS_STORE", database.store()).env("USER", "grace"));
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The tokens of a new guest.
async fn log_in(server: &Process) -> Value {
    let request = server.http.post(format!("{}/anonymous-login", server.url)).header("user-agent", "curl/8.14.1");
    let response =
        request.header("content-type", "application/json").body(r#"{"refresh": true}"#).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

async fn send(server: &Process, path: &str, token: &Value, body: Value) -> StatusCode {
    let request = server.http.post(format!("{}{path}", server.url)).bearer_auth(token.as_str().unwrap());
    request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap().status()
}

async fn status_of(server: &Process, tokens: &Value) -> StatusCode {
    let request = server.http.get(format!("{}/me", server.url));
    request.bearer_auth(tokens["access_token"].as_str().unwrap()).send().await.unwrap().status()
}

#[tokio::test]
async fn the_program_shows_revokes_and_erases_a_user_of_a_running_server() {
    let database = Database::new();
    let server = Process::start_on(&database.store());
    let (tokens, other) = (log_in(&server).await, log_in(&server).await);
    let subject = tokens["anonymous_id"].as_str().unwrap();
    assert_eq!(status_of(&server, &tokens).await, StatusCode::OK);

    let (code, shown, _) = users(&database, &["show", subject]);
    assert_eq!(code, Some(0));
    assert!(shown.contains(subject) && shown.contains("live") && shown.contains("127.0.0.1  curl"), "{shown}");
    let session = shown.lines().last().unwrap().split(' ').next().unwrap().to_owned();

    let (code, said, _) = users(&database, &["revoke", subject, "--session", &session]);
    assert_eq!((code, said), (Some(0), format!("ended 1 sessions of {subject}\n")));
    until("the server refuses the token", async || status_of(&server, &tokens).await == StatusCode::UNAUTHORIZED).await;
    let (code, _, error) = users(&database, &["revoke", subject, "--session", &session]);
    assert_eq!((code, error), (Some(1), format!("guestpass: {subject} has no live session {session}\n")));

    let second = other["anonymous_id"].as_str().unwrap();
    let (code, _, error) = users(&database, &["erase", second]);
    assert!(code == Some(2) && error.contains("--yes"), "it must not erase without a confirmation: {error}");
    assert_eq!(status_of(&server, &other).await, StatusCode::OK);
    let (code, said, _) = users(&database, &["erase", second, "--yes"]);
    assert_eq!((code, said), (Some(0), format!("erased {second}\n")));
    until("the server refuses the token", async || status_of(&server, &other).await == StatusCode::UNAUTHORIZED).await;
    let (code, _, error) = users(&database, &["show", second]);
    assert_eq!((code, error), (Some(1), format!("guestpass: the store has no user {second}\n")));
}

#[tokio::test]
async fn the_program_unlocks_an_account_of_a_running_server() {
    let database = Database::new();
    let mut serve = guestpass();
    serve.args(["serve", "--password-rate", "3/1h", "--account-rate", "off"]).stderr(std::process::Stdio::null());
    let server = Process::spawn_on(&mut serve, &database.store());
    let (member, guest) = (log_in(&server).await, log_in(&server).await);
    let credentials = |password: &str| json!({ "email": EMAIL, "password": password });
    let (member, guest) = (&member["refresh_token"], &guest["refresh_token"]);
    assert_eq!(send(&server, "/register", member, credentials(PASSWORD)).await, StatusCode::OK);
    // Three by the limit of any network, and three by that of a network from which the member has signed in.
    for _ in 0..6 {
        let wrong = send(&server, "/login", guest, credentials("wrong password")).await;
        assert_eq!(wrong, StatusCode::FORBIDDEN);
    }
    let log_in_to_account = async || send(&server, "/login", guest, credentials(PASSWORD)).await;
    assert_eq!(log_in_to_account().await, StatusCode::TOO_MANY_REQUESTS);

    let (code, said, error) = users(&database, &["unlock", EMAIL]);

    assert!(code == Some(0) && said.starts_with("unlocked user_"), "{said}{error}");
    until("the owner can log in", async || log_in_to_account().await == StatusCode::OK).await;
}

#[test]
fn a_user_must_be_named_and_a_store_must_exist() {
    let database = Database::new();
    for (arguments, expected) in [
        (&["show", "ada"][..], "expected an id, the subject of a token"),
        (&["revoke", EMAIL, "--session", "nosuch"][..], "the id of a session, as `guestpass users show` prints it"),
        (&["show", EMAIL][..], "--store"),
        (&["unlock", EMAIL][..], "--store"),
    ] {
        let (code, _, error) = users(&database, arguments);
        assert_eq!((code, error.lines().count()), (Some(2), 1), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}
