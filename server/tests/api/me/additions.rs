//! `POST /me/{collection}/{key}`: additions, and their idempotency keys

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{DAY, Response, Server, authorized, declare, entry_path, with_header};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

fn add(token: &str, key: i64, quantity: impl Into<Value>) -> Request<Body> {
    let body = json!({ "add": { "quantity": quantity.into() } });
    authorized("POST", &format!("/me/cart/{key}"), token, Some(body))
}

fn add_with_key(token: &str, key: i64, quantity: i64) -> Request<Body> {
    with_header(add(token, key, quantity), "idempotency-key", KEY)
}

/// The quantity in the response to an addition.
fn quantity(response: &Response) -> i64 {
    response.json()["quantity"].as_i64().unwrap_or_else(|| panic!("{response:?}"))
}

/// The quantity of an entry of the cart.
async fn stored(server: &Server, token: &str, key: i64) -> i64 {
    quantity(&server.get(&format!("/me/cart/{key}"), token).await)
}

#[tokio::test]
async fn an_addition_creates_the_entry_and_adds_up_to_the_bounds() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let created = server.send(add(&token, 1, 2)).await;
    assert_eq!((created.status.as_u16(), created.json()), (201, json!({ "quantity": 2 })));
    let added = server.send(add(&token, 1, 3)).await;
    assert_eq!((added.status.as_u16(), quantity(&added)), (200, 5));
    assert_eq!(added.header("etag"), server.get("/me/cart/1", &token).await.header("etag"));
    assert_eq!(quantity(&server.send(add(&token, 1, 95)).await), 99);
    assert_eq!(quantity(&server.send(add(&token, 1, -1)).await), 98);
    assert_eq!(quantity(&server.send(add(&token, 1, -1000)).await), 1);
    assert_eq!(quantity(&server.send(add(&token, 1, i64::MAX)).await), 99);
    assert_eq!(quantity(&server.send(add(&token, 2, i64::MAX)).await), 99);
    assert_eq!(quantity(&server.send(add(&token, 3, 0)).await), 1, "a new sum is cut to the bounds, too");
}

#[tokio::test]
async fn an_addition_keeps_the_other_members() {
    let server = Server::open_with(|config| declare(config, "[collections.scores]")).await;
    let token = server.anonymous_login().await.access;
    let path = entry_path("scores", "tetris");
    server.call("PUT", &path, &token, json!({ "points": 9_007_199_254_740_993_i64, "name": "Ada" })).await;

    let body = json!({ "add": { "points": 1, "games": 1, "seconds": 0.5, "__proto__": 1 } });
    let added = server.call("POST", &path, &token, body).await;

    let expected = json!({
        "points": 9_007_199_254_740_994_i64, "name": "Ada", "games": 1, "seconds": 0.5, "__proto__": 1,
    });
    assert_eq!((added.status.as_u16(), added.json()), (200, expected));
    let created = server.call("POST", "/me/scores/new", &token, json!({ "add": {} })).await;
    assert_eq!((created.status.as_u16(), created.json()), (201, json!({})));
}

#[tokio::test]
async fn s11_an_addition_that_cannot_be_made_gets_422_and_changes_nothing() {
    let server = Server::open_with(|config| declare(config, "[collections.scores]")).await;
    let token = server.anonymous_login().await.access;
    server.call("PUT", "/me/scores/object", &token, json!({ "name": "Ada" })).await;
    server.call("PUT", "/me/scores/list", &token, json!([1])).await;

    for (path, added, pointer) in [
        ("/me/scores/object", json!({ "name": 1 }), "/name"),
        ("/me/scores/object", json!({ "points": "1" }), "/points"),
        ("/me/scores/object", json!({ "a/b~c": null }), "/a~1b~0c"),
        ("/me/scores/list", json!({ "points": 1 }), ""),
        ("/me/cart/1", json!({ "quantity": 1.5 }), "/quantity"),
        ("/me/cart/1", json!({ "weight": 1 }), ""),
        ("/me/preferences/size", json!({ "a": 1 }), ""),
    ] {
        let response = server.call("POST", path, &token, json!({ "add": added })).await;
        response.assert_refused(422, "invalid_value");
        assert_eq!(response.json()["errors"][0]["pointer"], pointer, "{path} {added}");
    }
    for body in [json!({}), json!([]), json!({ "add": [] }), json!({ "add": 1 }), json!({ "add": null })] {
        server.call("POST", "/me/scores/object", &token, body).await.assert_problem(422);
    }
    assert_eq!(server.get("/me/scores/object", &token).await.json(), json!({ "name": "Ada" }));
    assert_eq!(server.number("SELECT count(*) FROM entry"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_additions_are_all_counted() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let responses = server.send_concurrently(16, || add(&token, 1, 1)).await;

    assert!(responses.iter().all(|response| response.status.is_success()), "{responses:?}");
    assert_eq!(stored(&server, &token, 1).await, 16);
}

#[tokio::test]
async fn an_idempotency_key_adds_once_and_a_retry_gets_the_current_value() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let first = server.send(add_with_key(&token, 1, 2)).await;
    assert_eq!(first.status, 201);
    let retry = server.send(add_with_key(&token, 1, 2)).await;
    assert_eq!((retry.status.as_u16(), &retry.body, retry.header("etag")), (200, &first.body, first.header("etag")));
    server.send(add(&token, 1, 5)).await;
    assert_eq!(quantity(&server.send(add_with_key(&token, 1, 2)).await), 7);

    server.send(authorized("DELETE", "/me/cart/1", &token, None)).await;
    server.send(add_with_key(&token, 1, 2)).await.assert_refused(404, "no_entry");
    assert_eq!(server.number("SELECT count(*) FROM entry"), 0);
}

#[tokio::test]
async fn a_retry_with_the_members_in_another_order_is_the_same_request() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let add = |addition: Value| {
        let request = authorized("POST", "/me/cart/1", &token, Some(json!({ "add": addition })));
        with_header(request, "idempotency-key", KEY)
    };

    assert_eq!(server.send(add(json!({ "quantity": 1, "points": 2 }))).await.status, 201);

    assert_eq!(server.send(add(json!({ "points": 2, "quantity": 1 }))).await.status, 200);
    assert_eq!(stored(&server, &token, 1).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_an_idempotency_key_adds_once_under_concurrency_and_after_a_restart() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let responses = server.send_concurrently(16, || add_with_key(&token, 1, 2)).await;
    assert!(responses.iter().all(|response| quantity(response) == 2), "{responses:?}");
    assert_eq!(responses.iter().filter(|response| response.status == 201).count(), 1, "{responses:?}");
    let server = server.restart().await;

    assert_eq!(quantity(&server.send(add_with_key(&token, 1, 2)).await), 2);
}

#[tokio::test]
async fn a_retry_succeeds_although_its_condition_is_out_of_date() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let tag = server.send(add(&token, 1, 1)).await.header("etag").to_owned();
    let add_if_match = |key: &str| {
        let request = with_header(add(&token, 1, 2), "idempotency-key", key);
        with_header(request, "if-match", &tag)
    };

    for _ in 0..2 {
        let response = server.send(add_if_match(KEY)).await;
        assert_eq!((response.status.as_u16(), quantity(&response)), (200, 3));
    }
    // A refused request does not use up its key.
    let other = "another_key_another_key";
    server.send(add_if_match(other)).await.assert_problem(412);
    assert_eq!(quantity(&server.send(with_header(add(&token, 1, 2), "idempotency-key", other)).await), 5);
}

#[tokio::test]
async fn an_idempotency_key_is_valid_for_one_request_of_one_guest() {
    let server = Server::open().await;
    let (one, two) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    server.send(add_with_key(&one, 1, 2)).await;

    let other_collection = authorized("POST", "/me/favorites/1", &one, Some(json!({ "add": { "quantity": 2 } })));
    for request in [add(&one, 1, 3), add(&one, 2, 2), other_collection] {
        server.send(with_header(request, "idempotency-key", KEY)).await.assert_problem(422);
    }
    for key in ["short", "", "key with spaces in between", &"x".repeat(129)] {
        server.send(with_header(add(&one, 1, 2), "idempotency-key", key)).await.assert_problem(400);
    }
    assert_eq!(quantity(&server.send(add_with_key(&two, 1, 2)).await), 2);
    assert_eq!(stored(&server, &one, 1).await, 2);
}

#[tokio::test]
async fn an_idempotency_key_is_valid_for_one_day() {
    let server = Server::open_with(|config| config.access_ttl = 2 * DAY).await;
    let token = server.anonymous_login().await.access;
    server.send(add_with_key(&token, 1, 2)).await;

    server.clock.advance(DAY - Duration::from_millis(1));
    assert_eq!(quantity(&server.send(add_with_key(&token, 1, 2)).await), 2);
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(quantity(&server.send(add_with_key(&token, 1, 2)).await), 4);
    assert_eq!(quantity(&server.send(add_with_key(&token, 1, 2)).await), 4);
}

#[tokio::test]
async fn the_newest_500_idempotency_keys_of_a_guest_are_kept() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let add_with_key =
        |number: i64, key: i64| with_header(add(&token, key, 1), "idempotency-key", &format!("key_{number:022}"));
    let keys = || server.number("SELECT count(*) FROM addition_key");
    server.send(add_with_key(0, 1)).await;
    server.clock.advance(Duration::from_millis(1));
    server.send(add_with_key(1, 1)).await;
    // These keys have the same time as the newest one; the newest one is kept nevertheless.
    server.clock.advance(Duration::from_millis(1));
    for number in 2..500 {
        server.send(add_with_key(number, 2)).await;
    }
    assert_eq!((keys(), quantity(&server.send(add_with_key(0, 1)).await)), (500, 2));

    let beyond = server.send(add_with_key(500, 3)).await;

    assert_eq!((beyond.status.as_u16(), keys()), (201, 500));
    assert_eq!(quantity(&server.send(add_with_key(500, 3)).await), 1);
    assert_eq!(quantity(&server.send(add_with_key(1, 1)).await), 2, "the second oldest key is kept");
    assert_eq!(quantity(&server.send(add_with_key(0, 1)).await), 3, "the oldest key was deleted");
    assert_eq!(keys(), 500);
}
