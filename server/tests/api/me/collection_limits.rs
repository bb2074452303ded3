//! `/me/{collection}/{key}`: the greatest number of entries of a collection

use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::{Response, SECOND, Server, authorized, declare};

fn put(token: &str, collection: &str, key: i64) -> Request<Body> {
    let value = if collection == "cart" { json!({ "quantity": 1 }) } else { json!({}) };
    authorized("PUT", &format!("/me/{collection}/{key}"), token, Some(value))
}

fn assert_full(response: &Response, collection: &str) {
    response.assert_refused(409, "collection_full");
    assert_eq!(response.json()["collection"], collection);
}

#[tokio::test]
async fn a_full_collection_refuses_new_entries_and_accepts_changes_of_its_own() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.insert_entries("cart", 99, r#"{"quantity":1}"#);

    assert_eq!(server.send(put(&token, "cart", 100)).await.status, 201);
    for method in ["PUT", "PATCH"] {
        assert_full(&server.call(method, "/me/cart/101", &token, json!({ "quantity": 1 })).await, "cart");
    }
    assert_full(&server.call("POST", "/me/cart/101", &token, json!({ "add": { "quantity": 1 } })).await, "cart");
    let added = server.call("POST", "/me/cart/100", &token, json!({ "add": { "quantity": 1 } })).await;
    assert_eq!((added.status.as_u16(), added.json()), (200, json!({ "quantity": 2 })));
    assert_eq!(server.send(put(&token, "favorites", 101)).await.status, 201, "another collection has room");
    let missing = server.send(authorized("DELETE", "/me/cart/101", &token, None)).await;
    assert_eq!(missing.status, 204);

    server.send(authorized("DELETE", "/me/cart/1", &token, None)).await;
    assert_eq!(server.send(put(&token, "cart", 101)).await.status, 201);
    assert_eq!(server.number("SELECT count(*) FROM entry WHERE collection = 'cart'"), 100);
}

#[tokio::test]
async fn each_default_collection_has_its_limit() {
    for (collection, entries, value) in
        [("cart", 100, r#"{"quantity":1}"#), ("favorites", 500, "{}"), ("preferences", 64, "1")]
    {
        let server = Server::open().await;
        let token = server.anonymous_login().await.access;
        server.insert_entries(collection, entries - 1, value);
        let value: serde_json::Value = serde_json::from_str(value).unwrap();

        let last = server.call("PUT", &format!("/me/{collection}/last"), &token, value.clone()).await;
        assert_eq!(last.status, 201, "{last:?}");
        assert_full(&server.call("PUT", &format!("/me/{collection}/more"), &token, value).await, collection);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_do_not_exceed_the_limit() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.insert_entries("favorites", 497, "{}");

    let next = AtomicI64::new(500);
    let responses =
        server.send_concurrently(16, || put(&token, "favorites", next.fetch_add(1, Ordering::SeqCst))).await;

    assert_eq!(responses.iter().filter(|response| response.status == 201).count(), 3, "{responses:?}");
    assert_eq!(responses.iter().filter(|response| response.status == 409).count(), 13, "{responses:?}");
    assert_eq!(server.number("SELECT count(*) FROM entry"), 500);
}

#[tokio::test]
async fn a_collection_that_drops_the_oldest_keeps_the_entries_that_were_changed_last() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.insert_entries("history", 100, "{}");
    let count = || server.number("SELECT count(*) FROM entry");
    let has = async |key: i64| server.get(&format!("/me/history/{key}"), &token).await.status == 200;

    server.send(put(&token, "history", 1)).await;
    assert_eq!(count(), 100, "a change of an entry drops none");
    server.clock.advance(SECOND);
    server.send(put(&token, "history", 101)).await;
    assert_eq!(count(), 100);
    assert!(has(1).await && !has(2).await && has(3).await);
    server.call("POST", "/me/history/102", &token, json!({ "add": { "views": 1 } })).await;
    assert!(!has(3).await && has(102).await);
    assert_eq!(count(), 100);
    // Also if the clock was set back and the new entry seems to be the oldest one.
    server.database().execute("UPDATE entry SET updated_at = 9000000000000 WHERE key <> '4'");
    server.send(put(&token, "history", 103)).await;
    assert!(has(103).await && !has(4).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_drop_no_more_than_they_must() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.insert_entries("history", 98, "{}");

    let next = AtomicI64::new(200);
    let responses = server.send_concurrently(16, || put(&token, "history", next.fetch_add(1, Ordering::SeqCst))).await;

    assert!(responses.iter().all(|response| response.status == 201), "{responses:?}");
    assert_eq!(server.number("SELECT count(*) FROM entry"), 100);
    assert_eq!(server.number("SELECT count(*) FROM entry WHERE updated_at > 200"), 16);
}

#[tokio::test]
async fn a_smaller_limit_removes_nothing_until_a_new_entry_needs_room() {
    let server = Server::open_with(|config| {
        declare(config, "[collections.notes]\nentries = 5\n[collections.log]\nentries = 5\nfull = \"drop-oldest\"");
    })
    .await;
    let token = server.anonymous_login().await.access;
    server.insert_entries("notes", 5, "{}");
    server.insert_entries("log", 5, "{}");
    let smaller = "[collections.notes]\nentries = 3\n[collections.log]\nentries = 3\nfull = \"drop-oldest\"";

    let server = server.restart_with(|config| declare(config, smaller)).await;

    assert_eq!(server.keys("notes", &token).await, ["5", "4", "3", "2", "1"]);
    assert_full(&server.send(put(&token, "notes", 6)).await, "notes");
    assert_eq!(server.send(put(&token, "notes", 1)).await.status, 200);
    assert_eq!(server.send(put(&token, "log", 1)).await.status, 200);
    assert_eq!(server.keys("log", &token).await, ["1", "5", "4", "3", "2"]);
    assert_eq!(server.send(put(&token, "log", 6)).await.status, 201);
    let mut kept = server.keys("log", &token).await;
    kept.sort_unstable();
    assert_eq!(kept, ["1", "5", "6"]);
}
