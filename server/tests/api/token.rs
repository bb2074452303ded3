//! `POST /token`

use std::collections::HashSet;

use axum::http::Request;

use crate::support::{DAY, MINUTE, SECOND, Server, Tokens, form, refresh};

/// The different refresh tokens of the responses.
fn successors(responses: &[crate::support::Response]) -> HashSet<String> {
    responses.iter().map(|response| response.tokens().refresh).collect()
}

#[tokio::test]
async fn a_refresh_keeps_the_guest_and_returns_new_tokens() {
    let server = Server::open().await;
    let old = server.anonymous_login().await;

    let response = server.refresh(&old.refresh).await;

    assert_eq!(response.header("cache-control"), "no-store");
    let new = response.tokens();
    assert_eq!(new.id, old.id);
    assert_eq!(new.expires_in, 900);
    assert_ne!(new.access, old.access);
    assert_ne!(new.refresh, old.refresh);
    assert!(server.accepts(&new.access).await);
    assert_eq!(server.number("SELECT counter FROM session"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_64_concurrent_refreshes_create_one_successor() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;

    let responses = server.send_concurrently(64, || refresh(&tokens.refresh)).await;

    assert_eq!(successors(&responses).len(), 1);
    assert_eq!(server.number("SELECT counter FROM session"), 1);
    for response in &responses {
        assert!(server.accepts(&response.tokens().access).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_each_generation_has_one_successor() {
    let server = Server::open().await;
    let mut token = server.anonymous_login().await.refresh;

    for generation in 1..=20 {
        let responses = server.send_concurrently(8, || refresh(&token)).await;
        let next = successors(&responses);
        assert_eq!(next.len(), 1, "generation {generation}");
        assert_eq!(server.number("SELECT counter FROM session"), generation);
        token = next.into_iter().next().unwrap();
    }
}

#[tokio::test]
async fn s02_a_replay_inside_the_window_gets_the_same_successor() {
    let server = Server::open().await;
    let old = server.anonymous_login().await;
    let first = server.refresh(&old.refresh).await.tokens();
    server.clock.advance(59 * SECOND);

    let again = server.refresh(&old.refresh).await.tokens();

    assert_eq!(again.refresh, first.refresh);
    assert_eq!(server.number("SELECT counter FROM session"), 1);
    assert!(server.accepts(&again.access).await);
}

#[tokio::test]
async fn s02_a_replay_does_not_extend_the_window() {
    let server = Server::open().await;
    let old = server.anonymous_login().await;
    let new = server.refresh(&old.refresh).await.tokens();
    assert!(server.accepts(&new.access).await);
    server.clock.advance(40 * SECOND);
    server.refresh(&old.refresh).await.tokens();
    server.clock.advance(20 * SECOND);

    server.refresh(&old.refresh).await.assert_oauth_error("invalid_grant");
}

#[tokio::test]
async fn s02_the_window_survives_a_restart() {
    let server = Server::open().await;
    let old = server.anonymous_login().await;
    let first = server.refresh(&old.refresh).await.tokens();

    let server = server.restart().await;

    assert_eq!(server.refresh(&old.refresh).await.tokens().refresh, first.refresh);
}

#[tokio::test]
async fn s02_the_parent_gets_the_same_successor_until_the_successor_is_seen() {
    let server = Server::open().await;
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    // The response is lost, and the lid is closed for a week.
    server.clock.advance(7 * DAY);

    let again = server.refresh(&first.refresh).await.tokens();

    assert_eq!(again.refresh, second.refresh);
    let server = server.restart().await;
    assert_eq!(server.refresh(&first.refresh).await.tokens().refresh, second.refresh);
    // An access token of the parent's generation is no sign that the successor arrived.
    server.clock.set_back(7 * DAY);
    assert!(server.accepts(&first.access).await);
    server.clock.advance(7 * DAY);
    let again = server.refresh(&first.refresh).await.tokens();
    assert!(server.accepts(&again.access).await);
    server.refresh(&first.refresh).await.assert_oauth_error("invalid_grant");
    server.refresh(&second.refresh).await.assert_oauth_error("invalid_grant");
}

#[tokio::test]
async fn s02_a_rotation_confirms_the_token_that_it_rotates() {
    let server = Server::open().await;
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    let third = server.refresh(&second.refresh).await.tokens();
    server.clock.advance(DAY);

    // No access token was used at all.
    assert_eq!(server.refresh(&second.refresh).await.tokens().refresh, third.refresh);
    server.refresh(&first.refresh).await.assert_oauth_error("invalid_grant");
    server.refresh(&third.refresh).await.assert_oauth_error("invalid_grant");
}

/// The confirmation is written with the activity, and then known to every node.
#[tokio::test]
async fn s03_a_confirmation_survives_a_restart() {
    let server = Server::open().await;
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    assert_eq!(server.number("SELECT count(*) FROM session WHERE unconfirmed"), 1);
    assert!(server.accepts(&second.access).await);
    server.clock.advance(2 * MINUTE);

    let server = server.restart().await;

    assert_eq!(server.number("SELECT count(*) FROM session WHERE unconfirmed"), 0);
    server.refresh(&first.refresh).await.assert_oauth_error("invalid_grant");
    assert!(!server.accepts(&second.access).await);
}

/// Sets the session back by three refreshes, as the restored backup of a database has it.
async fn restored() -> (Server, Tokens, Tokens) {
    let server = Server::open().await;
    let first = server.anonymous_login().await;
    let mut last = first.clone();
    for _ in 0..3 {
        last = server.refresh(&last.refresh).await.tokens();
    }
    server.database().execute("UPDATE session SET counter = 0, rotated_at = NULL, unconfirmed = (1 = 0)");
    (server, first, last)
}

#[tokio::test(flavor = "multi_thread")]
async fn s01_a_counter_ahead_moves_the_session_forward_once() {
    let (server, first, last) = restored().await;
    assert_eq!(server.get("/me/sessions", &last.refresh).await.status, 200);

    let responses = server.send_concurrently(16, || refresh(&last.refresh)).await;

    assert_eq!(successors(&responses).len(), 1);
    assert_eq!(server.number("SELECT counter FROM session"), 4);
    // A token that was spent before the backup was restored is reuse again.
    let next = responses[0].tokens();
    server.refresh(&first.refresh).await.assert_oauth_error("invalid_grant");
    server.refresh(&next.refresh).await.assert_oauth_error("invalid_grant");
}

#[tokio::test]
async fn s04_a_counter_ahead_does_not_revive_an_ended_session() {
    for ended in ["revoked_at = 1", "expires_at = 1"] {
        let (server, _, last) = restored().await;
        server.database().execute(&format!("UPDATE session SET {ended}"));

        server.refresh(&last.refresh).await.assert_oauth_error("invalid_grant");

        assert_eq!(server.number("SELECT counter FROM session"), 0);
    }
}

/// Uses the first refresh token of a new session again after the replay window; returns both generations of tokens.
async fn reuse(server: &Server) -> (Tokens, Tokens) {
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    assert!(server.accepts(&second.access).await);
    server.clock.advance(MINUTE);
    server.refresh(&first.refresh).await.assert_oauth_error("invalid_grant");
    (first, second)
}

#[tokio::test]
async fn s03_reuse_ends_the_session_immediately() {
    let server = Server::open().await;

    let (first, second) = reuse(&server).await;

    for token in [&first.access, &second.access] {
        assert!(!server.accepts(token).await);
    }
    server.refresh(&second.refresh).await.assert_oauth_error("invalid_grant");
}

#[tokio::test]
async fn s03_reuse_ends_no_other_session() {
    let server = Server::open().await;
    let other = server.anonymous_login().await;

    reuse(&server).await;

    assert!(server.accepts(&other.access).await);
    server.refresh(&other.refresh).await.tokens();
    assert_eq!(server.number("SELECT count(*) FROM session WHERE revoked_at IS NOT NULL"), 1);
}

#[tokio::test]
async fn s03_the_revocation_is_committed_although_the_request_fails() {
    let server = Server::open().await;
    let (_, second) = reuse(&server).await;

    let server = server.restart().await;

    assert!(!server.accepts(&second.access).await);
    server.refresh(&second.refresh).await.assert_oauth_error("invalid_grant");
}

#[tokio::test]
async fn s03_a_token_two_generations_old_is_reuse_even_inside_the_window() {
    let server = Server::open().await;
    let first = server.anonymous_login().await;
    let second = server.refresh(&first.refresh).await.tokens();
    let third = server.refresh(&second.refresh).await.tokens();

    server.refresh(&first.refresh).await.assert_oauth_error("invalid_grant");

    assert!(!server.accepts(&third.access).await);
}

#[tokio::test]
async fn each_refresh_extends_the_session_and_an_idle_session_expires() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    server.clock.advance(29 * DAY);
    let tokens = server.refresh(&tokens.refresh).await.tokens();
    server.clock.advance(29 * DAY);
    let tokens = server.refresh(&tokens.refresh).await.tokens();
    server.clock.advance(30 * DAY + SECOND);

    server.refresh(&tokens.refresh).await.assert_oauth_error("invalid_grant");

    // Expiry is not a revocation for reuse.
    assert_eq!(server.number("SELECT count(*) FROM session WHERE revoked_at IS NOT NULL"), 0);
}

#[tokio::test]
async fn an_access_token_expires_no_later_than_its_session() {
    let server = Server::open_with(|config| {
        config.access_ttl = 50 * SECOND;
        config.refresh_ttl = 61 * SECOND;
    })
    .await;
    let old = server.anonymous_login().await;
    server.refresh(&old.refresh).await.tokens();
    server.clock.advance(40 * SECOND);

    let replayed = server.refresh(&old.refresh).await.tokens();

    assert_eq!(replayed.expires_in, 21);
}

#[tokio::test]
async fn s11_an_invalid_request_gets_the_error_code_of_rfc_6749() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let token = tokens.refresh.as_str();
    let grant = ("grant_type", "refresh_token");

    for (parameters, error) in [
        (vec![], "invalid_request"),
        (vec![("refresh_token", token)], "invalid_request"),
        (vec![("grant_type", ""), ("refresh_token", token)], "invalid_request"),
        (vec![grant], "invalid_request"),
        (vec![grant, ("refresh_token", "")], "invalid_request"),
        (vec![grant, grant, ("refresh_token", token)], "invalid_request"),
        (vec![grant, ("refresh_token", token), ("refresh_token", token)], "invalid_request"),
        (vec![("grant_type", "password"), ("refresh_token", token)], "unsupported_grant_type"),
        (vec![("grant_type", "Refresh_Token"), ("refresh_token", token)], "unsupported_grant_type"),
        (vec![grant, ("refresh_token", "gpr_")], "invalid_grant"),
        (vec![grant, ("refresh_token", "null")], "invalid_grant"),
        (vec![grant, ("refresh_token", "gpr_\u{0}é")], "invalid_grant"),
        (vec![grant, ("refresh_token", &token[..token.len() - 1])], "invalid_grant"),
        (vec![grant, ("refresh_token", &format!("{token}="))], "invalid_grant"),
        (vec![grant, ("refresh_token", &tokens.access)], "invalid_grant"),
    ] {
        server.send(form("/token", &parameters)).await.assert_oauth_error(error);
    }

    assert_eq!(server.number("SELECT counter FROM session"), 0);
    assert!(server.accepts(&tokens.access).await);
}

#[tokio::test]
async fn s11_a_body_that_is_not_a_form_gets_invalid_request() {
    let server = Server::open().await;
    let long = format!("grant_type=refresh_token&refresh_token={}", "x".repeat(20_000));

    for (content_type, body) in [
        ("application/json", "{\"grant_type\":\"refresh_token\"}"),
        ("text/plain", "grant_type=refresh_token"),
        ("application/x-www-form-urlencoded", &long),
    ] {
        let request =
            Request::post("/token").header("content-type", content_type).body(body.to_owned().into()).unwrap();
        server.send(request).await.assert_oauth_error("invalid_request");
    }
}

#[tokio::test]
async fn unknown_parameters_and_a_charset_are_ignored() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    let body = format!("scope=&client_id=shop&grant_type=refresh_token&refresh_token={}", tokens.refresh);

    let request = Request::post("/token")
        .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
        .body(body.into())
        .unwrap();

    assert_eq!(server.send(request).await.status, 200);
}

#[tokio::test]
async fn a_refresh_token_of_another_server_is_refused() {
    let (server, other) = (Server::open().await, Server::open().await);
    let tokens = other.anonymous_login().await;

    server.refresh(&tokens.refresh).await.assert_oauth_error("invalid_grant");
}
