//! `/me/cart`: conditional requests, idempotency keys, and the limit of the cart

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::{DAY, Response, Server, authorized, with_header};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

fn add(token: &str, item: i64, quantity: i64) -> Request<Body> {
    authorized("POST", "/me/cart", token, Some(json!({ "item_id": item, "quantity": quantity })))
}

fn set(token: &str, item: i64, quantity: i64) -> Request<Body> {
    authorized("PUT", &format!("/me/cart/{item}"), token, Some(json!({ "quantity": quantity })))
}

async fn cart(server: &Server, token: &str) -> Response {
    server.get("/me/cart", token).await
}

/// The quantity of an item in the cart; 0 if it is not there.
fn quantity(cart: &Response, item: i64) -> i64 {
    let lines = cart.json()["lines"].as_array().unwrap().clone();
    lines.iter().find(|line| line["item_id"] == item).map_or(0, |line| line["quantity"].as_i64().unwrap())
}

#[tokio::test]
async fn a_get_with_the_current_etag_gets_304() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let tag = cart(&server, &token).await.header("etag").to_owned();
    let get_if_changed = || with_header(authorized("GET", "/me/cart", &token, None), "if-none-match", &tag);

    let unchanged = server.send(get_if_changed()).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.as_str(), unchanged.header("etag")), (304, "", tag.as_str()));

    let changed = server.send(add(&token, 1, 1)).await;
    let fresh = server.send(get_if_changed()).await;
    assert_eq!(fresh.status, 200);
    assert_ne!(fresh.header("etag"), tag);
    assert_eq!(fresh.header("etag"), changed.header("etag"), "the response to a change has the new ETag");
}

#[tokio::test]
async fn a_change_with_an_old_etag_gets_412_and_changes_nothing() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.send(add(&token, 1, 1)).await;
    let old = cart(&server, &token).await.header("etag").to_owned();
    let current = server.send(add(&token, 1, 1)).await;

    for request in [add(&token, 1, 1), set(&token, 1, 7), authorized("DELETE", "/me/cart/1", &token, None)] {
        server.send(with_header(request, "if-match", &old)).await.assert_problem(412);
    }
    assert_eq!(cart(&server, &token).await.body, current.body);

    let list = format!("\"other\", {}", current.header("etag"));
    let changed = server.send(with_header(set(&token, 1, 7), "if-match", &list)).await;
    assert_eq!((changed.status.as_u16(), quantity(&changed, 1)), (200, 7));
    assert_eq!(server.send(with_header(set(&token, 1, 8), "if-match", "*")).await.status, 200);
}

#[tokio::test]
async fn validation_errors_come_before_the_condition() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    server.send(with_header(add(&token, 999, 1), "if-match", "\"old\"")).await.assert_problem(404);
    server.send(with_header(set(&token, 1, 100), "if-match", "\"old\"")).await.assert_problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_changes_with_the_same_etag_one_succeeds() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    for round in 0..5 {
        let tag = cart(&server, &token).await.header("etag").to_owned();
        let next = AtomicI64::new(round * 8);
        let request = || with_header(set(&token, 1, next.fetch_add(1, Ordering::SeqCst) + 1), "if-match", &tag);
        let responses = server.send_concurrently(8, request).await;

        let succeeded: Vec<_> = responses.iter().filter(|response| response.status == 200).collect();
        assert_eq!(succeeded.len(), 1, "{responses:?}");
        for refused in responses.iter().filter(|response| response.status != 200) {
            refused.assert_problem(412);
        }
        assert_eq!(cart(&server, &token).await.body, succeeded[0].body);
    }
}

#[tokio::test]
async fn an_idempotency_key_adds_once_and_a_retry_gets_the_current_cart() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let add_with_key = || with_header(add(&token, 1, 2), "idempotency-key", KEY);

    let first = server.send(add_with_key()).await;
    assert_eq!(server.send(add_with_key()).await.body, first.body);
    server.send(add(&token, 2, 1)).await;
    let retry = server.send(add_with_key()).await;

    assert_eq!((retry.status.as_u16(), quantity(&retry, 1), quantity(&retry, 2)), (200, 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_an_idempotency_key_adds_once_under_concurrency_and_after_a_restart() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let add_with_key = || with_header(add(&token, 1, 2), "idempotency-key", KEY);

    for response in server.send_concurrently(16, add_with_key).await {
        assert_eq!((response.status.as_u16(), quantity(&response, 1)), (200, 2));
    }
    let server = server.restart().await;

    assert_eq!(quantity(&server.send(add_with_key()).await, 1), 2);
}

#[tokio::test]
async fn a_retry_succeeds_although_its_if_match_condition_is_out_of_date() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let tag = cart(&server, &token).await.header("etag").to_owned();
    let add_with_key = || with_header(with_header(add(&token, 1, 2), "idempotency-key", KEY), "if-match", &tag);

    for _ in 0..2 {
        let response = server.send(add_with_key()).await;
        assert_eq!((response.status.as_u16(), quantity(&response, 1)), (200, 2));
    }
    // A refused request does not consume its key.
    let other = "another_key_another_key";
    server
        .send(with_header(with_header(add(&token, 1, 2), "idempotency-key", other), "if-match", &tag))
        .await
        .assert_problem(412);
    assert_eq!(quantity(&server.send(with_header(add(&token, 1, 2), "idempotency-key", other)).await, 1), 4);
}

#[tokio::test]
async fn an_idempotency_key_is_valid_for_one_request_of_one_guest() {
    let server = Server::open().await;
    let (one, two) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    server.send(with_header(add(&one, 1, 2), "idempotency-key", KEY)).await;

    for request in [add(&one, 1, 3), add(&one, 2, 2)] {
        server.send(with_header(request, "idempotency-key", KEY)).await.assert_problem(422);
    }
    server.send(with_header(add(&one, 1, 2), "idempotency-key", "short")).await.assert_problem(400);
    assert_eq!(quantity(&server.send(with_header(add(&two, 1, 2), "idempotency-key", KEY)).await, 1), 2);
    assert_eq!(quantity(&cart(&server, &one).await, 1), 2);
}

#[tokio::test]
async fn an_idempotency_key_is_valid_for_one_day() {
    let server = Server::open_with(|config| config.access_ttl = 2 * DAY).await;
    let token = server.anonymous_login().await.access;
    let add_with_key = || with_header(add(&token, 1, 2), "idempotency-key", KEY);
    server.send(add_with_key()).await;

    server.clock.advance(DAY - Duration::from_millis(1));
    assert_eq!(quantity(&server.send(add_with_key()).await, 1), 2);
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(quantity(&server.send(add_with_key()).await, 1), 4);
    assert_eq!(quantity(&server.send(add_with_key()).await, 1), 4);
}

#[tokio::test]
async fn the_newest_500_idempotency_keys_of_a_guest_are_kept() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let add_with_key =
        |number: i64, item: i64| with_header(add(&token, item, 1), "idempotency-key", &format!("key_{number:022}"));
    let keys = || server.number("SELECT count(*) FROM cart_key");
    server.send(add_with_key(0, 1)).await;
    server.clock.advance(Duration::from_millis(1));
    server.send(add_with_key(1, 1)).await;
    // These keys have the same time as the newest one; the newest one is kept nevertheless.
    server.clock.advance(Duration::from_millis(1));
    for number in 2..500 {
        server.send(add_with_key(number, 2)).await;
    }
    assert_eq!((keys(), quantity(&server.send(add_with_key(0, 1)).await, 1)), (500, 2));

    let beyond = server.send(add_with_key(500, 3)).await;

    assert_eq!((beyond.status.as_u16(), keys()), (200, 500));
    assert_eq!(quantity(&server.send(add_with_key(500, 3)).await, 3), 1);
    assert_eq!(quantity(&server.send(add_with_key(1, 1)).await, 1), 2, "the second oldest key is kept");
    assert_eq!(quantity(&server.send(add_with_key(0, 1)).await, 1), 3, "the oldest key was deleted");
    assert_eq!(keys(), 500);
}

#[tokio::test]
async fn a_cart_has_at_most_100_different_items() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.add_items_up_to(101);
    server.database().execute(
        "INSERT INTO cart_item (user_id, item_id, quantity, added_at)
         SELECT anonymous_user.id, item.id, 1, item.id FROM anonymous_user, item WHERE item.id <= 99",
    );

    assert_eq!(server.send(add(&token, 100, 1)).await.status, 200);
    for request in [add(&token, 101, 1), set(&token, 101, 1)] {
        let full = server.send(request).await;
        full.assert_problem(409);
        assert_eq!(full.json()["code"], "cart_full");
    }
    assert_eq!(quantity(&server.send(add(&token, 100, 1)).await, 100), 2);

    server.send(authorized("DELETE", "/me/cart/1", &token, None)).await;
    let response = server.send(add(&token, 101, 1)).await;
    assert_eq!(response.json()["lines"].as_array().map(Vec::len), Some(100));
}
