//! `/me/cart`: changes under a condition, retries, and what a cart holds

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::{Answer, DAY, Server, authorized, with};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";

fn add(token: &str, item: i64, quantity: i64) -> Request<Body> {
    authorized("POST", "/me/cart", token, Some(json!({ "item_id": item, "quantity": quantity })))
}

fn set(token: &str, item: i64, quantity: i64) -> Request<Body> {
    authorized("PUT", &format!("/me/cart/{item}"), token, Some(json!({ "quantity": quantity })))
}

async fn cart(server: &Server, token: &str) -> Answer {
    server.get("/me/cart", token).await
}

/// How many there are of an item.
fn quantity(cart: &Answer, item: i64) -> i64 {
    let lines = cart.json()["lines"].as_array().unwrap().clone();
    lines.iter().find(|line| line["item_id"] == item).map_or(0, |line| line["quantity"].as_i64().unwrap())
}

#[tokio::test]
async fn who_has_the_cart_already_is_told_so() {
    let server = Server::open().await;
    let token = server.login().await.access;
    let tag = cart(&server, &token).await.header("etag").to_owned();
    let ask = || with(authorized("GET", "/me/cart", &token, None), "if-none-match", &tag);

    let known = server.send(ask()).await;
    assert_eq!((known.status.as_u16(), known.body.as_str(), known.header("etag")), (304, "", tag.as_str()));

    let changed = server.send(add(&token, 1, 1)).await;
    let fresh = server.send(ask()).await;
    assert_eq!(fresh.status, 200);
    assert_ne!(fresh.header("etag"), tag);
    assert_eq!(fresh.header("etag"), changed.header("etag"), "a change answers with the tag of what it made");
}

#[tokio::test]
async fn a_change_of_what_has_changed_since_is_refused_and_changes_nothing() {
    let server = Server::open().await;
    let token = server.login().await.access;
    server.send(add(&token, 1, 1)).await;
    let old = cart(&server, &token).await.header("etag").to_owned();
    let current = server.send(add(&token, 1, 1)).await;

    for request in [add(&token, 1, 1), set(&token, 1, 7), authorized("DELETE", "/me/cart/1", &token, None)] {
        server.send(with(request, "if-match", &old)).await.assert_problem(412);
    }
    assert_eq!(cart(&server, &token).await.body, current.body);

    let list = format!("\"other\", {}", current.header("etag"));
    let changed = server.send(with(set(&token, 1, 7), "if-match", &list)).await;
    assert_eq!((changed.status.as_u16(), quantity(&changed, 1)), (200, 7));
    assert_eq!(server.send(with(set(&token, 1, 8), "if-match", "*")).await.status, 200);
}

#[tokio::test]
async fn what_could_not_be_done_anyhow_is_refused_for_that() {
    let server = Server::open().await;
    let token = server.login().await.access;

    server.send(with(add(&token, 999, 1), "if-match", "\"old\"")).await.assert_problem(404);
    server.send(with(set(&token, 1, 100), "if-match", "\"old\"")).await.assert_problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_once_under_one_condition_one_is_made() {
    let server = Server::open().await;
    let token = server.login().await.access;

    for round in 0..5 {
        let tag = cart(&server, &token).await.header("etag").to_owned();
        let next = AtomicI64::new(round * 8);
        let request = || with(set(&token, 1, next.fetch_add(1, Ordering::SeqCst) + 1), "if-match", &tag);
        let answers = server.send_at_once(8, request).await;

        let made: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(made.len(), 1, "{answers:?}");
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            refused.assert_problem(412);
        }
        assert_eq!(cart(&server, &token).await.body, made[0].body);
    }
}

#[tokio::test]
async fn a_key_adds_once_and_answers_with_the_cart_as_it_is() {
    let server = Server::open().await;
    let token = server.login().await.access;
    let again = || with(add(&token, 1, 2), "idempotency-key", KEY);

    let first = server.send(again()).await;
    assert_eq!(server.send(again()).await.body, first.body);
    server.send(add(&token, 2, 1)).await;
    let late = server.send(again()).await;

    assert_eq!((late.status.as_u16(), quantity(&late, 1), quantity(&late, 2)), (200, 2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn s05_a_key_adds_once_also_at_once_and_after_a_restart() {
    let server = Server::open().await;
    let token = server.login().await.access;
    let again = || with(add(&token, 1, 2), "idempotency-key", KEY);

    for answer in server.send_at_once(16, again).await {
        assert_eq!((answer.status.as_u16(), quantity(&answer, 1)), (200, 2));
    }
    let server = server.reopen().await;

    assert_eq!(quantity(&server.send(again()).await, 1), 2);
}

#[tokio::test]
async fn a_retry_is_answered_although_its_condition_no_longer_holds() {
    let server = Server::open().await;
    let token = server.login().await.access;
    let tag = cart(&server, &token).await.header("etag").to_owned();
    let again = || with(with(add(&token, 1, 2), "idempotency-key", KEY), "if-match", &tag);

    for _ in 0..2 {
        let answer = server.send(again()).await;
        assert_eq!((answer.status.as_u16(), quantity(&answer, 1)), (200, 2));
    }
    // What was refused has used up no key.
    let other = "another_key_another_key";
    server.send(with(with(add(&token, 1, 2), "idempotency-key", other), "if-match", &tag)).await.assert_problem(412);
    assert_eq!(quantity(&server.send(with(add(&token, 1, 2), "idempotency-key", other)).await, 1), 4);
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_guest() {
    let server = Server::open().await;
    let (one, two) = (server.login().await.access, server.login().await.access);
    server.send(with(add(&one, 1, 2), "idempotency-key", KEY)).await;

    for request in [add(&one, 1, 3), add(&one, 2, 2)] {
        server.send(with(request, "idempotency-key", KEY)).await.assert_problem(422);
    }
    server.send(with(add(&one, 1, 2), "idempotency-key", "short")).await.assert_problem(400);
    assert_eq!(quantity(&server.send(with(add(&two, 1, 2), "idempotency-key", KEY)).await, 1), 2);
    assert_eq!(quantity(&cart(&server, &one).await, 1), 2);
}

#[tokio::test]
async fn a_key_is_good_for_a_day() {
    let server = Server::open_with(|config| config.access_ttl = 2 * DAY).await;
    let token = server.login().await.access;
    let again = || with(add(&token, 1, 2), "idempotency-key", KEY);
    server.send(again()).await;

    server.clock.advance(DAY - Duration::from_millis(1));
    assert_eq!(quantity(&server.send(again()).await, 1), 2);
    server.clock.advance(Duration::from_millis(1));
    assert_eq!(quantity(&server.send(again()).await, 1), 4);
    assert_eq!(quantity(&server.send(again()).await, 1), 4);
}

#[tokio::test]
async fn of_the_keys_of_a_guest_five_hundred_are_remembered() {
    let server = Server::open().await;
    let token = server.login().await.access;
    let under = |number: i64, item: i64| with(add(&token, item, 1), "idempotency-key", &format!("key_{number:022}"));
    let keys = || server.number("SELECT count(*) FROM cart_key");
    server.send(under(0, 1)).await;
    server.clock.advance(Duration::from_millis(1));
    server.send(under(1, 1)).await;
    // All at one moment: the one that has just come stays all the same.
    server.clock.advance(Duration::from_millis(1));
    for number in 2..500 {
        server.send(under(number, 2)).await;
    }
    assert_eq!((keys(), quantity(&server.send(under(0, 1)).await, 1)), (500, 2));

    let beyond = server.send(under(500, 3)).await;

    assert_eq!((beyond.status.as_u16(), keys()), (200, 500));
    assert_eq!(quantity(&server.send(under(500, 3)).await, 3), 1);
    assert_eq!(quantity(&server.send(under(1, 1)).await, 1), 2, "the second oldest is still there");
    assert_eq!(quantity(&server.send(under(0, 1)).await, 1), 3, "the oldest has made room");
    assert_eq!(keys(), 500);
}

#[tokio::test]
async fn a_cart_holds_a_hundred_different_items() {
    let server = Server::open().await;
    let token = server.login().await.access;
    server.stock(101);
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
    let answer = server.send(add(&token, 101, 1)).await;
    assert_eq!(answer.json()["lines"].as_array().map(Vec::len), Some(100));
}
