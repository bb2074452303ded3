//! `DELETE /me`, and what is asked in the name of a guest who is gone

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{MINUTE, Server, Tokens, authorized, login, refresh, with};

fn erasure(token: &str) -> Request<Body> {
    authorized("DELETE", "/me", token, None)
}

/// Everything that may be asked in a guest's name, but for the end of it.
fn requests(token: &str) -> Vec<Request<Body>> {
    let request = |method: &str, path: &str, body: Option<Value>| authorized(method, path, token, body);
    vec![
        with(
            request("POST", "/me/cart", Some(json!({ "item_id": 1, "quantity": 1 }))),
            "idempotency-key",
            "k_-GqFbKvQ0r8pWm2ZtYxA",
        ),
        request("PUT", "/me/cart/1", Some(json!({ "quantity": 1 }))),
        request("DELETE", "/me/cart/2", None),
        request("GET", "/me/cart", None),
        request("PUT", "/me/history/1", None),
        request("DELETE", "/me/history/2", None),
        request("DELETE", "/me/history", None),
        request("PUT", "/me/history/3", None),
        request("GET", "/me/history", None),
        request("PUT", "/me/favorites/1", None),
        request("DELETE", "/me/favorites/2", None),
        request("GET", "/me/favorites", None),
        request("PUT", "/me/preferences", Some(json!({ "a": 1 }))),
        request("PATCH", "/me/preferences", Some(json!({ "b": 1 }))),
        request("GET", "/me/preferences", None),
        request("GET", "/me/export", None),
        request("GET", "/items/", None),
        request("GET", "/me", None),
    ]
}

async fn live(server: &Server, guest: &Tokens) {
    for request in requests(&guest.access) {
        let answer = server.send(request).await;
        assert!(answer.status.is_success(), "{answer:?}");
    }
}

/// Rows that hang on a guest, in all tables.
fn rows(server: &Server) -> i64 {
    let tables = server.database().tables_with("user_id");
    assert!(tables.len() > 5);
    let rows = tables.iter().map(|table| server.number(&format!("SELECT count(*) FROM {table}")));
    rows.sum::<i64>() + server.number("SELECT count(*) FROM anonymous_user")
}

/// `/me/sessions` asks for no guest's row: only the end of the session can be why it is refused.
async fn assert_refused(server: &Server, tokens: &Tokens) {
    let answer = server.get("/me/sessions", &tokens.access).await;
    answer.assert_problem(401);
    assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{answer:?}");
    server.refresh(&tokens.refresh).await.assert_oauth_error("invalid_grant");
}

#[tokio::test]
async fn s04_erasure_takes_everything_and_no_token_is_accepted_any_more() {
    let server = Server::open().await;
    let (guest, other) = (server.login().await, server.login().await);
    live(&server, &other).await;
    let others = rows(&server) - 2;
    live(&server, &guest).await;
    let newer = server.refresh(&guest.refresh).await.tokens();

    let answer = server.send(erasure(&newer.access)).await;

    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (204, ""));
    assert_refused(&server, &guest).await;
    assert_refused(&server, &newer).await;
    server.send(erasure(&newer.access)).await.assert_problem(401);
    assert_eq!(rows(&server), others);
    assert!(server.accepts(&other.access).await);
}

#[tokio::test]
async fn s04_erasure_ends_all_sessions_also_those_that_are_over() {
    let server = Server::open().await;
    let guest = server.login().await;
    // A second session, ended, as another browser would have had.
    let second = "0197f2f0-0000-7000-8000-00000000000a";
    server.database().execute(&format!(
        "INSERT INTO session (id, user_id, refreshable, counter, created_at, expires_at, access_expires_at, revoked_at)
         SELECT '{second}', user_id, refreshable, 0, created_at, expires_at, access_expires_at, created_at FROM session"
    ));

    server.send(erasure(&guest.access)).await;

    assert_eq!(server.number("SELECT count(*) FROM erased_session"), 2);
    assert_eq!(server.number("SELECT count(*) FROM session"), 0);
}

#[tokio::test]
async fn s04_an_erasure_outlives_the_process() {
    let server = Server::open().await;
    let guest = server.login().await;
    server.send(erasure(&guest.access)).await;

    let server = server.reopen().await;

    assert_refused(&server, &guest).await;
}

#[tokio::test]
async fn s04_an_erasure_is_remembered_as_long_as_a_replayed_refresh_gave_access() {
    let server = Server::open().await;
    let guest = server.login().await;
    server.clock.advance(14 * MINUTE);
    let newer = server.refresh(&guest.refresh).await.tokens();
    server.send(erasure(&newer.access)).await;
    // Past the life of the first access token, and not of the second.
    server.clock.advance(14 * MINUTE);

    let server = server.reopen().await;

    assert_refused(&server, &newer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_nothing_that_a_racing_refresh_was_given_outlives_the_erasure() {
    for _ in 0..10 {
        let server = Server::open().await;
        let guest = server.login().await;

        let (answers, erased) =
            tokio::join!(server.send_at_once(16, || refresh(&guest.refresh)), server.send(erasure(&guest.access)));

        assert_eq!(erased.status, 204);
        for answer in answers {
            if answer.status == 200 {
                assert_refused(&server, &answer.tokens()).await;
            } else {
                answer.assert_oauth_error("invalid_grant");
            }
        }
        assert_eq!(rows(&server), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn s04_what_is_written_during_an_erasure_is_refused_or_erased() {
    for round in 0..5 {
        let server = Server::open().await;
        let guest = server.login().await;
        let all = requests(&guest.access).len();

        let next = AtomicUsize::new(round * 3);
        let request = || requests(&guest.access).swap_remove(next.fetch_add(1, Ordering::SeqCst) % all);
        let (answers, erased) =
            tokio::join!(server.send_at_once(2 * all, request), server.send(erasure(&guest.access)));

        assert_eq!(erased.status, 204);
        for answer in &answers {
            assert!(answer.status.is_success() || answer.status == 401, "{answer:?}");
        }
        assert_eq!(rows(&server), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_erasures_at_once_one_finds_nothing_left() {
    let server = Server::open().await;
    let guest = server.login().await;

    let answers = server.send_at_once(8, || erasure(&guest.access)).await;

    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 7, "{answers:?}");
}

/// Else a proof of work would be good for any number of guests, and the rate limit for logins for many times as many.
#[tokio::test]
async fn the_key_of_a_login_whose_guest_was_erased_makes_no_other_guest() {
    let server = Server::open().await;
    let enter = || login(Some(json!({ "refresh": true })), Some("k_-GqFbKvQ0r8pWm2ZtYxA"));
    let guest = server.send(enter()).await.tokens();
    assert_eq!(server.send(erasure(&guest.access)).await.status, 204);

    server.send(enter()).await.assert_problem(409);

    assert_eq!(server.number("SELECT count(*) FROM anonymous_user"), 0);
}

#[tokio::test]
async fn what_is_asked_for_a_guest_who_is_gone_is_refused_as_with_a_bad_token() {
    let server = Server::open().await;
    let guest = server.login().await;
    server.database().execute("DELETE FROM anonymous_user");

    for request in requests(&guest.access).into_iter().chain([erasure(&guest.access)]) {
        let asked = format!("{} {}", request.method(), request.uri());
        let answer = server.send(request).await;
        answer.assert_problem(401);
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""), "{asked}: {answer:?}");
    }
    assert_eq!(rows(&server), 0);
}

#[tokio::test]
async fn every_method_needs_a_token() {
    let server = Server::open().await;

    for mut request in requests("none").into_iter().chain([erasure("none")]) {
        request.headers_mut().remove("authorization");
        let asked = format!("{} {}", request.method(), request.uri());
        let answer = server.send(request).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("www-authenticate")),
            (401, "Bearer realm=\"guestpass\""),
            "{asked}"
        );
    }
}
