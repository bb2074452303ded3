//! `/me/preferences`

use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Server, authorized, with};

const PATH: &str = "/me/preferences";

async fn preferences(server: &Server, token: &str) -> Answer {
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

fn merge(token: &str, body: &Value) -> Request<Body> {
    patch(token, "application/merge-patch+json", &body.to_string())
}

#[tokio::test]
async fn a_new_guest_has_none() {
    let server = Server::open().await;
    let token = server.login().await.access;

    let answer = preferences(&server, &token).await;

    assert_eq!(answer.json(), json!({}));
    assert!(answer.header("etag").starts_with('"'), "{answer:?}");
}

#[tokio::test]
async fn they_are_replaced_as_a_whole_and_changed_in_part() {
    let server = Server::open().await;
    let token = server.login().await.access;

    server.send(put(&token, json!({ "a": "old" }))).await;
    let all = json!({ "theme": "dark", "size": 1.5, "compact": true });
    let replaced = server.send(put(&token, all.clone())).await;
    assert_eq!((replaced.status.as_u16(), replaced.json()), (200, all));

    let changed = server.send(merge(&token, &json!({ "theme": "light", "size": null, "language": "de" }))).await;
    let expected = json!({ "theme": "light", "compact": true, "language": "de" });
    assert_eq!((changed.status.as_u16(), changed.json()), (200, expected.clone()));
    assert_eq!(server.send(patch(&token, "application/json; charset=utf-8", "{}")).await.json(), expected);

    let found = preferences(&server, &token).await;
    assert_eq!(found.json(), expected);
    assert_eq!(found.header("etag"), changed.header("etag"));
}

#[tokio::test]
async fn a_number_comes_back_as_it_was() {
    let server = Server::open().await;
    let token = server.login().await.access;
    let text = r#"{"a":0.30000000000000004,"b":18446744073709551615,"c":-9223372036854775808,"d":5e-324}"#;

    server.send(patch(&token, "application/json", text)).await;
    server.send(merge(&token, &json!({ "e": 1 }))).await;
    server.send(merge(&token, &json!({ "e": null }))).await;

    assert_eq!(preferences(&server, &token).await.body, text);
}

#[tokio::test]
async fn a_change_of_what_has_changed_since_is_refused_and_changes_nothing() {
    let server = Server::open().await;
    let token = server.login().await.access;
    let old = preferences(&server, &token).await.header("etag").to_owned();
    let current = server.send(with(put(&token, json!({ "a": 1 })), "if-match", &old)).await;
    assert_eq!(current.status, 200);

    for request in [put(&token, json!({ "a": 2 })), merge(&token, &json!({ "a": 2 }))] {
        server.send(with(request, "if-match", &old)).await.assert_problem(412);
    }
    assert_eq!(preferences(&server, &token).await.body, current.body);

    let request = with(authorized("GET", PATH, &token, None), "if-none-match", current.header("etag"));
    let known = server.send(request).await;
    assert_eq!((known.status.as_u16(), known.body.as_str()), (304, ""));
    let request = with(merge(&token, &json!({ "a": 2 })), "if-match", current.header("etag"));
    assert_eq!(server.send(request).await.json(), json!({ "a": 2 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_changes_at_once_under_one_condition_one_is_made() {
    let server = Server::open().await;
    let token = server.login().await.access;
    let tag = preferences(&server, &token).await.header("etag").to_owned();

    let next = AtomicI64::new(0);
    let request = || with(put(&token, json!({ "a": next.fetch_add(1, Ordering::SeqCst) })), "if-match", &tag);
    let answers = server.send_at_once(16, request).await;

    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(made.len(), 1, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 412).count(), 15, "{answers:?}");
    assert_eq!(preferences(&server, &token).await.body, made[0].body);
}

#[tokio::test(flavor = "multi_thread")]
async fn patches_at_once_are_all_made() {
    let server = Server::open().await;
    let token = server.login().await.access;

    let next = AtomicI64::new(0);
    let request = || merge(&token, &json!({ format!("key{}", next.fetch_add(1, Ordering::SeqCst)): true }));
    server.send_at_once(32, request).await;

    assert_eq!(preferences(&server, &token).await.json().as_object().map(Map::len), Some(32));
}

#[tokio::test]
async fn s05_preferences_outlive_the_process_and_are_the_guests_own() {
    let server = Server::open().await;
    let (token, other) = (server.login().await.access, server.login().await.access);
    server.send(put(&token, json!({ "theme": "dark", "emoji": "🫖\u{0}" }))).await;

    let server = server.reopen().await;

    assert_eq!(preferences(&server, &token).await.json(), json!({ "theme": "dark", "emoji": "🫖\u{0}" }));
    assert_eq!(preferences(&server, &other).await.json(), json!({}));
}

#[tokio::test]
async fn s11_what_cannot_be_preferences_gets_a_precise_answer_and_changes_nothing() {
    let server = Server::open().await;
    let token = server.login().await.access;
    let before = server.send(put(&token, json!({ "theme": "dark" }))).await.body;
    let members = |count: usize, value: Value| -> Value {
        (0..count).map(|number| (format!("key{number}"), value.clone())).collect::<Map<_, _>>().into()
    };

    for (body, detail) in [
        (json!({ "a": [] }), "A preference is a text, a number, true or false."),
        (json!({ "a": { "b": 1 } }), "A preference is a text, a number, true or false."),
        (json!({ "a": "x".repeat(513) }), "A text among the preferences has at most 512 characters."),
        (members(65, json!(1)), "Preferences have at most 64 members."),
        (members(20, json!("x".repeat(500))), "Preferences are at most 8192 bytes of JSON."),
    ] {
        for request in [put(&token, body.clone()), merge(&token, &body)] {
            let answer = server.send(request).await;
            answer.assert_problem(422);
            assert_eq!(answer.json()["detail"], detail);
        }
    }
    server.send(put(&token, json!({ "a": null }))).await.assert_problem(422);
    let never = with(merge(&token, &json!({ "a": [] })), "if-match", "\"old\"");
    server.send(never).await.assert_problem(422);
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
