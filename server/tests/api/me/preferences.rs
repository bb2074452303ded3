//! `/me/preferences`

use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Map, Value, json};

use crate::support::{Response, Server, authorized, with_header};

const PATH: &str = "/me/preferences";

async fn preferences(server: &Server, token: &str) -> Response {
    server.get(PATH, token).await
}

fn put(token: &str, body: Value) -> Request<Body> {
    authorized("PUT", PATH, token, Some(body))
}

fn patch(token: &str, content_type: &str, body: &str) -> Request<Body> {
    Request::patch(PATH)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", content_type)
        .body(body.to_owned().into())
        .unwrap()
}

/// A PATCH request with a JSON merge patch (RFC 7396).
fn merge_patch(token: &str, body: &Value) -> Request<Body> {
    patch(token, "application/merge-patch+json", &body.to_string())
}

#[tokio::test]
async fn a_new_guest_has_no_preferences() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let response = preferences(&server, &token).await;

    assert_eq!(response.json(), json!({}));
    assert!(response.header("etag").starts_with('"'), "{response:?}");
}

#[tokio::test]
async fn put_replaces_all_preferences_and_patch_changes_some() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    server.send(put(&token, json!({ "a": "old" }))).await;
    let all = json!({ "theme": "dark", "size": 1.5, "compact": true });
    let replaced = server.send(put(&token, all.clone())).await;
    assert_eq!((replaced.status.as_u16(), replaced.json()), (200, all));

    let changed = server.send(merge_patch(&token, &json!({ "theme": "light", "size": null, "language": "de" }))).await;
    let expected = json!({ "theme": "light", "compact": true, "language": "de" });
    assert_eq!((changed.status.as_u16(), changed.json()), (200, expected.clone()));
    assert_eq!(server.send(patch(&token, "application/json; charset=utf-8", "{}")).await.json(), expected);

    let found = preferences(&server, &token).await;
    assert_eq!(found.json(), expected);
    assert_eq!(found.header("etag"), changed.header("etag"));
}

#[tokio::test]
async fn numbers_keep_their_exact_text() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let text = r#"{"a":0.30000000000000004,"b":18446744073709551615,"c":-9223372036854775808,"d":5e-324}"#;

    server.send(patch(&token, "application/json", text)).await;
    server.send(merge_patch(&token, &json!({ "e": 1 }))).await;
    server.send(merge_patch(&token, &json!({ "e": null }))).await;

    assert_eq!(preferences(&server, &token).await.body, text);
}

#[tokio::test]
async fn a_change_with_an_old_etag_gets_412_and_changes_nothing() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let old = preferences(&server, &token).await.header("etag").to_owned();
    let current = server.send(with_header(put(&token, json!({ "a": 1 })), "if-match", &old)).await;
    assert_eq!(current.status, 200);

    for request in [put(&token, json!({ "a": 2 })), merge_patch(&token, &json!({ "a": 2 }))] {
        server.send(with_header(request, "if-match", &old)).await.assert_problem(412);
    }
    assert_eq!(preferences(&server, &token).await.body, current.body);

    let request = with_header(authorized("GET", PATH, &token, None), "if-none-match", current.header("etag"));
    let unchanged = server.send(request).await;
    assert_eq!((unchanged.status.as_u16(), unchanged.body.as_str()), (304, ""));
    let request = with_header(merge_patch(&token, &json!({ "a": 2 })), "if-match", current.header("etag"));
    assert_eq!(server.send(request).await.json(), json!({ "a": 2 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_concurrent_changes_with_the_same_etag_one_succeeds() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let tag = preferences(&server, &token).await.header("etag").to_owned();

    let next_value = AtomicI64::new(0);
    let request =
        || with_header(put(&token, json!({ "a": next_value.fetch_add(1, Ordering::SeqCst) })), "if-match", &tag);
    let responses = server.send_concurrently(16, request).await;

    let succeeded: Vec<_> = responses.iter().filter(|response| response.status == 200).collect();
    assert_eq!(succeeded.len(), 1, "{responses:?}");
    assert_eq!(responses.iter().filter(|response| response.status == 412).count(), 15, "{responses:?}");
    assert_eq!(preferences(&server, &token).await.body, succeeded[0].body);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_patches_are_all_applied() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    let next_value = AtomicI64::new(0);
    let request = || merge_patch(&token, &json!({ format!("key{}", next_value.fetch_add(1, Ordering::SeqCst)): true }));
    server.send_concurrently(32, request).await;

    assert_eq!(preferences(&server, &token).await.json().as_object().map(Map::len), Some(32));
}

#[tokio::test]
async fn s05_preferences_survive_a_restart_and_are_separate_for_each_guest() {
    let server = Server::open().await;
    let (token, other) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    server.send(put(&token, json!({ "theme": "dark", "emoji": "🫖\u{0}" }))).await;

    let server = server.restart().await;

    assert_eq!(preferences(&server, &token).await.json(), json!({ "theme": "dark", "emoji": "🫖\u{0}" }));
    assert_eq!(preferences(&server, &other).await.json(), json!({}));
}

#[tokio::test]
async fn s11_invalid_preferences_get_a_specific_status_and_change_nothing() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let before = server.send(put(&token, json!({ "theme": "dark" }))).await.body;
    let members = |count: usize, value: Value| -> Value {
        (0..count).map(|number| (format!("key{number}"), value.clone())).collect::<Map<_, _>>().into()
    };

    for (body, detail) in [
        (json!({ "a": [] }), "Each preference must be a text, a number, true or false."),
        (json!({ "a": { "b": 1 } }), "Each preference must be a text, a number, true or false."),
        (json!({ "a": "x".repeat(513) }), "A text in the preferences can have at most 512 characters."),
        (members(65, json!(1)), "Preferences can have at most 64 members."),
        (members(20, json!("x".repeat(500))), "The preferences can have at most 8192 bytes of JSON in total."),
    ] {
        for request in [put(&token, body.clone()), merge_patch(&token, &body)] {
            let response = server.send(request).await;
            response.assert_problem(422);
            assert_eq!(response.json()["detail"], detail);
        }
    }
    server.send(put(&token, json!({ "a": null }))).await.assert_problem(422);
    let request = with_header(merge_patch(&token, &json!({ "a": [] })), "if-match", "\"old\"");
    server.send(request).await.assert_problem(422);
    for (content_type, body, status) in [
        ("application/json", "[]", 422),
        ("application/json", "null", 422),
        ("application/json", "{", 400),
        ("application/json", "{\"a\":1e999}", 400),
        ("text/plain", "{}", 415),
        ("application/json-patch+json", "[]", 415),
    ] {
        server.send(patch(&token, content_type, body)).await.assert_problem(status);
    }
    server.send(patch(&token, "application/json", &" ".repeat(20_000))).await.assert_problem(413);

    assert_eq!(preferences(&server, &token).await.body, before);
}
