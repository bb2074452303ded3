//! `DELETE /me`, and requests with the tokens of a deleted guest

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use guestpass_server::Clock;

use crate::support::membership::uuid_of;
use crate::support::{MINUTE, Server, Tokens, anonymous_login, authorized, refresh, with_header};

fn erasure(token: &str) -> Request<Body> {
    authorized("DELETE", "/me", token, None)
}

/// One request for each route that acts for a guest, except those that end a session or erase the guest.
fn requests(token: &str) -> Vec<Request<Body>> {
    let request = |method: &str, path: &str, body: Option<Value>| authorized(method, path, token, body);
    vec![
        with_header(
            request("POST", "/me/cart/1", Some(json!({ "add": { "quantity": 1 } }))),
            "idempotency-key",
            "k_-GqFbKvQ0r8pWm2ZtYxA",
        ),
        request("PUT", "/me/cart/1", Some(json!({ "quantity": 1 }))),
        request("PATCH", "/me/cart/1", Some(json!({ "quantity": 2 }))),
        request("DELETE", "/me/cart/2", None),
        request("GET", "/me/cart", None),
        request("PUT", "/me/history/1", Some(json!({}))),
        request("DELETE", "/me/history/2", None),
        request("DELETE", "/me/history", None),
        request("PUT", "/me/history/3", Some(json!({}))),
        request("GET", "/me/history", None),
        request("PUT", "/me/favorites/1", Some(json!({}))),
        request("GET", "/me/favorites", None),
        request("PUT", "/me/preferences/a", Some(json!(1))),
        request("GET", "/me/preferences", None),
        request("GET", "/items/", None),
        request("GET", "/me", None),
    ]
}

/// Sends all `requests`, so that the guest has data of every kind.
async fn store_data(server: &Server, guest: &Tokens) {
    for request in requests(&guest.access) {
        let response = server.send(request).await;
        assert!(response.status.is_success(), "{response:?}");
    }
}

/// The number of rows of guests, in all tables.
fn count_rows(server: &Server) -> i64 {
    let tables = server.database().tables_with("user_id");
    assert!(tables.len() > 4);
    let rows = tables.iter().map(|table| server.number(&format!("SELECT count(*) FROM {table}")));
    rows.sum::<i64>() + server.number("SELECT count(*) FROM anonymous_user")
}

/// Checks that both tokens are refused. `/items/` reads no row of the guest, so that only the end of the session can be the
/// reason of the refusal.
async fn assert_refused(server: &Server, tokens: &Tokens) {
    for (path, token) in [("/items/", &tokens.access), ("/me/sessions", &tokens.refresh)] {
        let response = server.get(path, token).await;
        response.assert_problem(401);
        assert!(response.header("www-authenticate").contains("error=\"invalid_token\""), "{response:?}");
    }
    server.refresh(&tokens.refresh).await.assert_oauth_error("invalid_grant");
}

#[tokio::test]
async fn s04_erasure_deletes_all_data_and_all_tokens_are_refused() {
    let server = Server::open().await;
    let (guest, other) = (server.anonymous_login().await, server.anonymous_login().await);
    store_data(&server, &other).await;
    let rows_of_other = count_rows(&server) - 2;
    store_data(&server, &guest).await;
    let newer = server.refresh(&guest.refresh).await.tokens();

    let response = server.send(erasure(&newer.refresh)).await;

    assert_eq!((response.status.as_u16(), response.body.as_str()), (204, ""));
    assert_refused(&server, &guest).await;
    assert_refused(&server, &newer).await;
    server.send(erasure(&newer.refresh)).await.assert_problem(401);
    assert_eq!(count_rows(&server), rows_of_other);
    assert!(server.accepts(&other.access).await);
}

/// For the restore of an older backup. The record does not contain the id.
#[tokio::test]
async fn s15_an_erasure_is_recorded_by_a_hash_of_the_id() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    let id: uuid::Uuid = uuid_of(&guest.id).parse().unwrap();

    assert_eq!(server.send(erasure(&guest.refresh)).await.status, 204);

    let hash = server.database().bytes("SELECT hash FROM erased_user");
    assert_eq!(hash, aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, id.as_bytes()).as_ref());
    let erased_at = server.number("SELECT erased_at FROM erased_user");
    assert_eq!(erased_at, server.clock.now().as_millis());
}

#[tokio::test]
async fn s04_erasure_covers_all_sessions_including_revoked_ones() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    // A second, revoked session of the guest.
    let second = "0197f2f0-0000-7000-8000-00000000000a";
    server.database().execute(&format!(
        "INSERT INTO session (id, user_id, refreshable, counter, created_at, expires_at, access_expires_at, revoked_at)
         SELECT '{second}', user_id, refreshable, 0, created_at, expires_at, access_expires_at, created_at FROM session"
    ));

    server.send(erasure(&guest.refresh)).await;

    assert_eq!(server.number("SELECT count(*) FROM erased_session"), 2);
    assert_eq!(server.number("SELECT count(*) FROM session"), 0);
}

#[tokio::test]
async fn s04_an_erasure_survives_a_restart() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    server.send(erasure(&guest.refresh)).await;

    let server = server.restart().await;

    assert_refused(&server, &guest).await;
}

#[tokio::test]
async fn s04_an_erasure_is_kept_until_the_newest_access_token_has_expired() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    server.clock.advance(14 * MINUTE);
    let newer = server.refresh(&guest.refresh).await.tokens();
    server.send(erasure(&newer.refresh)).await;
    // The first access token has expired; the second has not.
    server.clock.advance(14 * MINUTE);

    let server = server.restart().await;

    assert_refused(&server, &newer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_tokens_from_a_refresh_concurrent_with_the_erasure_are_refused() {
    for _ in 0..10 {
        let server = Server::open().await;
        let guest = server.anonymous_login().await;

        let (responses, erased) = tokio::join!(
            server.send_concurrently(16, || refresh(&guest.refresh)),
            server.send(erasure(&guest.refresh))
        );

        assert_eq!(erased.status, 204);
        for response in responses {
            if response.status == 200 {
                assert_refused(&server, &response.tokens()).await;
            } else {
                response.assert_oauth_error("invalid_grant");
            }
        }
        assert_eq!(count_rows(&server), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_writes_concurrent_with_an_erasure_are_refused_or_erased() {
    for round in 0..5 {
        let server = Server::open().await;
        let guest = server.anonymous_login().await;
        let all = requests(&guest.access).len();

        let next_index = AtomicUsize::new(round * 3);
        let request = || requests(&guest.access).swap_remove(next_index.fetch_add(1, Ordering::SeqCst) % all);
        let (responses, erased) =
            tokio::join!(server.send_concurrently(2 * all, request), server.send(erasure(&guest.refresh)));

        assert_eq!(erased.status, 204);
        for response in &responses {
            assert!(response.status.is_success() || response.status == 401, "{response:?}");
        }
        assert_eq!(count_rows(&server), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_erasures_one_succeeds_and_the_others_get_401() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;

    let responses = server.send_concurrently(8, || erasure(&guest.refresh)).await;

    assert_eq!(responses.iter().filter(|response| response.status == 204).count(), 1, "{responses:?}");
    assert_eq!(responses.iter().filter(|response| response.status == 401).count(), 7, "{responses:?}");
}

/// Otherwise one proof of work, and one login counted by the rate limit, could create any number of guests.
#[tokio::test]
async fn a_login_key_of_an_erased_guest_creates_no_second_guest() {
    let server = Server::open().await;
    let log_in = || anonymous_login(Some(json!({ "refresh": true })), Some("k_-GqFbKvQ0r8pWm2ZtYxA"));
    let guest = server.send(log_in()).await.tokens();
    assert_eq!(server.send(erasure(&guest.refresh)).await.status, 204);

    server.send(log_in()).await.assert_problem(409);

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
}

#[tokio::test]
async fn requests_of_a_deleted_guest_get_401_invalid_token() {
    let server = Server::open().await;
    let guest = server.anonymous_login().await;
    server.database().execute("DELETE FROM anonymous_user");

    for request in requests(&guest.access).into_iter().chain([erasure(&guest.refresh)]) {
        let route = format!("{} {}", request.method(), request.uri());
        let response = server.send(request).await;
        response.assert_problem(401);
        assert!(response.header("www-authenticate").contains("error=\"invalid_token\""), "{route}: {response:?}");
    }
    assert_eq!(count_rows(&server), 0);
}

#[tokio::test]
async fn every_method_needs_a_token() {
    let server = Server::open().await;

    for mut request in requests("none").into_iter().chain([erasure("none")]) {
        request.headers_mut().remove("authorization");
        let route = format!("{} {}", request.method(), request.uri());
        let response = server.send(request).await;
        assert_eq!(
            (response.status.as_u16(), response.header("www-authenticate")),
            (401, "Bearer realm=\"guestpass\""),
            "{route}"
        );
    }
}
