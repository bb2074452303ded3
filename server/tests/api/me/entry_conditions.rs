//! `/me/{collection}/{key}`: conditional requests

use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use crate::support::{Server, authorized, with_header};

const PATH: &str = "/me/cart/mug";

fn put(token: &str, quantity: i64) -> Request<Body> {
    authorized("PUT", PATH, token, Some(json!({ "quantity": quantity })))
}

fn patch(token: &str, quantity: i64) -> Request<Body> {
    authorized("PATCH", PATH, token, Some(json!({ "quantity": quantity })))
}

fn add(token: &str, quantity: i64) -> Request<Body> {
    authorized("POST", PATH, token, Some(json!({ "add": { "quantity": quantity } })))
}

fn delete(token: &str) -> Request<Body> {
    authorized("DELETE", PATH, token, None)
}

#[tokio::test]
async fn a_get_with_the_current_etag_gets_304() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let tag = server.send(put(&token, 1)).await.header("etag").to_owned();
    let get_if_changed = |tag: &str| with_header(authorized("GET", PATH, &token, None), "if-none-match", tag);

    let unchanged = server.send(get_if_changed(&tag)).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.as_str(), unchanged.header("etag")), (304, "", tag.as_str()));
    assert_eq!(server.send(get_if_changed("*")).await.status, 304);

    let changed = server.send(put(&token, 2)).await;
    let fresh = server.send(get_if_changed(&tag)).await;
    assert_eq!(fresh.status, 200);
    assert_eq!(fresh.header("etag"), changed.header("etag"), "the response to a change has the new ETag");
    // The tag is that of the value: the same value has the same tag.
    assert_eq!(server.send(put(&token, 1)).await.header("etag"), tag);
}

#[tokio::test]
async fn a_change_with_an_old_etag_gets_412_and_changes_nothing() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let old = server.send(put(&token, 1)).await.header("etag").to_owned();
    let current = server.send(put(&token, 2)).await;

    for request in [put(&token, 7), patch(&token, 7), add(&token, 7), delete(&token)] {
        server.send(with_header(request, "if-match", &old)).await.assert_problem(412);
    }
    for request in [put(&token, 7), patch(&token, 7), add(&token, 7), delete(&token)] {
        server.send(with_header(request, "if-none-match", current.header("etag"))).await.assert_problem(412);
    }
    assert_eq!(server.get(PATH, &token).await.body, current.body);

    let list = format!("\"other\", {}", current.header("etag"));
    let changed = server.send(with_header(put(&token, 7), "if-match", &list)).await;
    assert_eq!((changed.status.as_u16(), changed.json()), (200, json!({ "quantity": 7 })));
    assert_eq!(server.send(with_header(patch(&token, 8), "if-match", "*")).await.status, 200);
    assert_eq!(server.send(with_header(delete(&token), "if-match", "*")).await.status, 204);
}

#[tokio::test]
async fn an_entry_that_must_exist_is_not_created_and_one_that_must_not_is_not_changed() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    for condition in ["*", "\"tag\""] {
        for request in [put(&token, 1), patch(&token, 1), add(&token, 1), delete(&token)] {
            server.send(with_header(request, "if-match", condition)).await.assert_problem(412);
        }
    }
    server.get(PATH, &token).await.assert_problem(404);
    assert_eq!(server.send(with_header(put(&token, 1), "if-none-match", "*")).await.status, 201);
    for request in [put(&token, 2), patch(&token, 2), add(&token, 2)] {
        server.send(with_header(request, "if-none-match", "*")).await.assert_problem(412);
    }
    assert_eq!(server.get(PATH, &token).await.json(), json!({ "quantity": 1 }));
}

#[tokio::test]
async fn the_condition_comes_before_the_check_of_the_value_and_after_that_of_the_path_and_the_body() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.send(put(&token, 1)).await;

    server.send(with_header(put(&token, 100), "if-match", "\"old\"")).await.assert_problem(412);
    let unknown = authorized("PUT", "/me/carts/mug", &token, Some(json!({})));
    server.send(with_header(unknown, "if-match", "\"old\"")).await.assert_problem(404);
    let no_object = authorized("POST", PATH, &token, Some(json!([])));
    server.send(with_header(no_object, "if-match", "\"old\"")).await.assert_problem(422);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_changes_with_the_same_etag_one_succeeds() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    server.send(put(&token, 99)).await;

    for round in 0..5 {
        let tag = server.get(PATH, &token).await.header("etag").to_owned();
        let next = AtomicI64::new(round * 8);
        let request = || with_header(put(&token, next.fetch_add(1, Ordering::SeqCst) + 1), "if-match", &tag);
        let responses = server.send_concurrently(8, request).await;

        let succeeded: Vec<_> = responses.iter().filter(|response| response.status == 200).collect();
        assert_eq!(succeeded.len(), 1, "{responses:?}");
        for refused in responses.iter().filter(|response| response.status != 200) {
            refused.assert_problem(412);
        }
        assert_eq!(server.get(PATH, &token).await.body, succeeded[0].body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_creations_one_succeeds() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let next = AtomicI64::new(1);
    let request = || with_header(put(&token, next.fetch_add(1, Ordering::SeqCst)), "if-none-match", "*");
    let responses = server.send_concurrently(16, request).await;

    let succeeded: Vec<_> = responses.iter().filter(|response| response.status == 201).collect();
    assert_eq!(succeeded.len(), 1, "{responses:?}");
    assert_eq!(responses.iter().filter(|response| response.status == 412).count(), 15, "{responses:?}");
    assert_eq!(server.get(PATH, &token).await.body, succeeded[0].body);
}
