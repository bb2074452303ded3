//! `/me/{collection}/{key}`

use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Response, SECOND, Server, authorized, declare, entry_path};

/// The declaration of a collection that allows any value.
const NOTES: &str = "[collections.notes]\nvalue_bytes = 16384";

async fn server_with_notes() -> Server {
    Server::open_with(|config| declare(config, NOTES)).await
}

/// A request with a body of any content type.
fn request(method: &str, path: &str, token: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", content_type)
        .body(body.into())
        .unwrap()
}

/// A JSON merge patch (RFC 7396).
fn merge_patch(path: &str, token: &str, patch: &Value) -> Request<Body> {
    request("PATCH", path, token, "application/merge-patch+json", patch.to_string())
}

/// Checks that this is a refused value, and that the first named place is at `pointer`.
fn assert_invalid_value(response: &Response, pointer: &str) {
    response.assert_refused(422, "invalid_value");
    let problem = response.json();
    assert_eq!(problem["errors"][0]["pointer"], pointer, "{response:?}");
    let detail = problem["errors"][0]["detail"].as_str().unwrap();
    let named = problem["detail"].as_str().unwrap().to_lowercase();
    assert!(named.contains(&detail.to_lowercase()) && named.contains(pointer), "{response:?}");
}

#[tokio::test]
async fn an_entry_is_created_read_replaced_and_removed() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let path = "/me/cart/mug";
    server.get(path, &token).await.assert_refused(404, "no_entry");

    let created = server.call("PUT", path, &token, json!({ "quantity": 2, "size": "L" })).await;
    assert_eq!((created.status.as_u16(), created.json()), (201, json!({ "quantity": 2, "size": "L" })));
    let found = server.get(path, &token).await;
    assert_eq!((found.status.as_u16(), found.json()), (200, created.json()));
    assert_eq!(found.header("etag"), created.header("etag"));
    assert_eq!(found.header("content-type"), "application/json");
    let head = server.send(authorized("HEAD", path, &token, None)).await;
    assert_eq!((head.status.as_u16(), head.body.as_str(), head.header("etag")), (200, "", found.header("etag")));

    server.clock.advance(SECOND);
    let replaced = server.call("PUT", path, &token, json!({ "quantity": 3 })).await;
    assert_eq!((replaced.status.as_u16(), replaced.json()), (200, json!({ "quantity": 3 })));
    assert_ne!(replaced.header("etag"), created.header("etag"));
    let entry = server.get("/me/cart", &token).await.json()["entries"][0].clone();
    assert_eq!(entry["created_at"], "2027-01-15T08:00:00.250Z");
    assert_eq!(entry["updated_at"], "2027-01-15T08:00:01.250Z");

    for _ in 0..2 {
        let removed = server.send(authorized("DELETE", path, &token, None)).await;
        assert_eq!((removed.status.as_u16(), removed.body.as_str()), (204, ""));
        server.get(path, &token).await.assert_refused(404, "no_entry");
    }
}

#[tokio::test]
async fn a_value_is_any_json() {
    let server = server_with_notes().await;
    let token = server.anonymous_login().await.access;

    for (number, text) in [
        "null",
        "true",
        "\"\"",
        "[]",
        "{}",
        "0.30000000000000004",
        "1e-7",
        "9007199254740993",
        "18446744073709551615",
        "-9223372036854775808",
        "-0.0",
        "5e-324",
        r#"{"":1,"__proto__":{"a":1},"constructor":null,"a":{"b":[1,[2,{"c":"🫖"}]]}}"#,
        r#""quotes \" and \\ and \n and \u0000 and \\u0000 and \ufffd""#,
    ]
    .into_iter()
    .enumerate()
    {
        let path = format!("/me/notes/{number}");
        let stored = server.send(request("PUT", &path, &token, "application/json", text)).await;
        assert_eq!(stored.status, 201, "{stored:?}");
        let found = server.get(&path, &token).await;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!((found.status.as_u16(), found.body.as_str()), (200, expected.to_string().as_str()));
        assert_eq!(stored.body, found.body);
    }
    assert_eq!(server.get("/me/notes/7", &token).await.body, "9007199254740993");
    // They also come back in pages and in an export.
    let server = server.restart().await;
    let page = server.get("/me/notes", &token).await.json();
    assert_eq!(page["entries"].as_array().map(Vec::len), Some(14));
}

#[tokio::test]
async fn a_patch_changes_some_members() {
    let server = server_with_notes().await;
    let token = server.anonymous_login().await.access;
    let path = "/me/notes/a";
    server
        .call("PUT", path, &token, json!({ "theme": "dark", "size": 1.5, "font": { "name": "Inter", "px": 16 } }))
        .await;

    let patch = json!({ "theme": "light", "size": null, "font": { "px": 18, "name": null }, "new": { "a": null } });
    let changed = server.send(merge_patch(path, &token, &patch)).await;

    let expected = json!({ "theme": "light", "font": { "px": 18 }, "new": {} });
    assert_eq!((changed.status.as_u16(), changed.json()), (200, expected.clone()));
    let same = server.send(request("PATCH", path, &token, "application/json; charset=utf-8", "{}")).await;
    assert_eq!((same.json(), same.header("etag")), (expected, changed.header("etag")));
    let replaced = server.send(merge_patch(path, &token, &json!(["a"]))).await;
    assert_eq!(replaced.json(), json!(["a"]), "a patch that is no object replaces the value");

    let created = server.send(merge_patch("/me/notes/b", &token, &json!({ "a": null, "b": { "c": null } }))).await;
    assert_eq!((created.status.as_u16(), created.json()), (201, json!({ "b": {} })));
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_changes_of_one_entry_and_of_many_lose_nothing() {
    let server = server_with_notes().await;
    let token = server.anonymous_login().await.access;

    let next = AtomicI64::new(0);
    let request = || {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let path = if number % 2 == 0 { "/me/notes/one".to_owned() } else { format!("/me/notes/{number}") };
        merge_patch(&path, &token, &json!({ format!("key{number}"): true }))
    };
    let responses = server.send_concurrently(32, request).await;

    assert!(responses.iter().all(|response| response.status.is_success()), "{responses:?}");
    assert_eq!(server.get("/me/notes/one", &token).await.json().as_object().unwrap().len(), 16);
    assert_eq!(server.keys("notes", &token).await.len(), 17);
}

#[tokio::test]
async fn keys_are_texts_of_the_app() {
    let server = server_with_notes().await;
    let token = server.anonymous_login().await.access;
    let keys = [
        "mug",
        "/products/12?size=L#a",
        "Größe 🫖",
        "...",
        " ",
        "__proto__",
        "constructor",
        "a%2Fb",
        "'; DROP TABLE entry",
        "%",
        "%00",
        "\\",
        "\"",
        "a/../b",
        &"é".repeat(256),
    ];

    for key in keys {
        server.clock.advance(SECOND);
        let path = entry_path("notes", key);
        assert_eq!(server.call("PUT", &path, &token, json!(key)).await.status, 201, "{key}");
        assert_eq!(server.get(&path, &token).await.json(), json!(key));
    }

    let mut found = server.keys("notes", &token).await;
    found.reverse();
    assert_eq!(found, keys);
    for key in keys {
        assert_eq!(server.send(authorized("DELETE", &entry_path("notes", key), &token, None)).await.status, 204);
    }
    assert_eq!(server.number("SELECT count(*) FROM entry"), 0);
}

#[tokio::test]
async fn s11_a_text_that_cannot_be_a_key_gets_422() {
    let server = server_with_notes().await;
    let token = server.anonymous_login().await.access;
    let long = "x".repeat(513);

    for (key, detail) in [
        ("%00", "A key must not have control characters."),
        ("a%0Ab", "A key must not have control characters."),
        ("%C2%85", "A key must not have control characters."),
        (&long, "A key must have 1 to 512 bytes of UTF-8."),
        ("%2E", "A key must not be . or .., which clients remove from the path of a URL."),
        ("..", "A key must not be . or .., which clients remove from the path of a URL."),
        ("%FF", "A key must be percent-encoded UTF-8."),
        ("%C3%28", "A key must be percent-encoded UTF-8."),
    ] {
        let path = format!("/me/notes/{key}");
        for method in ["GET", "PUT", "PATCH", "POST", "DELETE"] {
            let response = server.call(method, &path, &token, json!({ "add": {} })).await;
            response.assert_problem(422);
            assert_eq!(response.json()["detail"], detail, "{method} {key}");
        }
    }
    assert_eq!(server.number("SELECT count(*) FROM entry"), 0);
}

#[tokio::test]
async fn s11_a_value_that_the_collection_does_not_allow_gets_422_and_changes_nothing() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;
    let before = server.call("PUT", "/me/cart/1", &token, json!({ "quantity": 1 })).await.body;

    for (value, pointer) in [
        (json!({ "quantity": 0 }), "/quantity"),
        (json!({ "quantity": -5 }), "/quantity"),
        (json!({ "quantity": 100 }), "/quantity"),
        (json!({ "quantity": 1.5 }), "/quantity"),
        (json!({ "quantity": 1e300 }), "/quantity"),
        (json!({ "quantity": 9_223_372_036_854_775_808_u64 }), "/quantity"),
        (json!({ "quantity": "1" }), "/quantity"),
        (json!({ "quantity": null }), "/quantity"),
    ] {
        assert_invalid_value(&server.call("PUT", "/me/cart/1", &token, value).await, pointer);
    }
    for value in [json!({}), json!([1]), json!(null), json!("mug"), json!(2)] {
        assert_invalid_value(&server.call("PUT", "/me/cart/1", &token, value).await, "");
    }
    assert_invalid_value(&server.send(merge_patch("/me/cart/1", &token, &json!({ "quantity": null }))).await, "");
    assert_invalid_value(&server.send(merge_patch("/me/cart/2", &token, &json!({ "note": "" }))).await, "");
    for value in [json!([]), json!({ "b": 1 }), json!(null), json!("x".repeat(513))] {
        assert_invalid_value(&server.call("PUT", "/me/preferences/a", &token, value).await, "");
    }
    for (path, value) in [
        ("/me/cart/1", json!({ "quantity": 1, "note": "x".repeat(1024) })),
        ("/me/favorites/1", json!({ "note": "x".repeat(256) })),
    ] {
        let response = server.call("PUT", path, &token, value).await;
        response.assert_refused(422, "value_too_long");
    }

    assert_eq!(server.get("/me/cart/1", &token).await.body, before);
    assert_eq!(server.number("SELECT count(*) FROM entry"), 1);
}

#[tokio::test]
async fn a_whole_number_may_be_written_with_a_decimal_point() {
    let server = Server::open().await;
    let token = server.anonymous_login().await.access;

    assert_eq!(server.call("PUT", "/me/cart/1", &token, json!({ "quantity": 2.0 })).await.status, 201);
    let added = server.call("POST", "/me/cart/1", &token, json!({ "add": { "quantity": 3e0 } })).await;

    assert_eq!(added.json()["quantity"].as_f64(), Some(5.0));
}

#[tokio::test]
async fn s11_a_body_that_cannot_be_read_gets_a_specific_status_and_changes_nothing() {
    let server = server_with_notes().await;
    let token = server.anonymous_login().await.access;
    let path = "/me/notes/a";
    let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));

    for (content_type, body, status) in [
        ("application/json", "", 400),
        ("application/json", "{", 400),
        ("application/json", "{\"a\":1e999}", 400),
        ("application/json", "\"\\ud800\"", 400),
        ("application/json", "{} {}", 400),
        ("application/json", "NaN", 400),
        ("application/json", &deep, 400),
        ("text/plain", "{}", 415),
        ("application/json-patch+json", "[]", 415),
    ] {
        for method in ["PUT", "PATCH"] {
            let response = server.send(request(method, path, &token, content_type, body.to_owned())).await;
            response.assert_problem(status);
        }
    }
    for (content_type, body, status) in [
        ("application/json", "", 400),
        ("application/json", r#"{"add":{"a":1e999}}"#, 400),
        ("application/json", r#"{"add":{},"add":{}}"#, 422),
        ("text/plain", r#"{"add":{}}"#, 415),
    ] {
        let response = server.send(request("POST", path, &token, content_type, body)).await;
        response.assert_problem(status);
    }
    for method in ["PUT", "POST"] {
        let patch = request(method, path, &token, "application/merge-patch+json", "{}");
        server.send(patch).await.assert_problem(415);
    }
    for method in ["PUT", "PATCH", "POST"] {
        let long = format!("\"{}\"", "x".repeat(20_000));
        server.send(request(method, path, &token, "application/json", long)).await.assert_problem(413);
    }
    let not_utf8: &[u8] = b"\"\xff\"";
    server.send(request("PUT", path, &token, "application/json", not_utf8)).await.assert_problem(400);
    // The longest value that a body can have.
    let longest = format!("\"{}\"", "x".repeat(16 * 1024 - 2));
    assert_eq!(server.send(request("PUT", "/me/notes/b", &token, "application/json", longest)).await.status, 201);
    assert_eq!(server.keys("notes", &token).await, ["b"]);
}

#[tokio::test]
async fn nested_values_up_to_the_depth_that_can_be_read_are_stored() {
    let server = server_with_notes().await;
    let token = server.anonymous_login().await.access;
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));

    let stored = server.send(request("PUT", "/me/notes/a", &token, "application/json", deep.clone())).await;

    assert_eq!(stored.status, 201, "{stored:?}");
    assert_eq!(server.get("/me/notes/a", &token).await.body, deep);
    assert_eq!(server.get("/me/notes", &token).await.status, 200);
}

#[tokio::test]
async fn guests_do_not_see_or_change_each_others_entries() {
    let server = Server::open().await;
    let (one, two) = (server.anonymous_login().await.access, server.anonymous_login().await.access);
    server.call("PUT", "/me/cart/1", &one, json!({ "quantity": 1 })).await;

    server.get("/me/cart/1", &two).await.assert_refused(404, "no_entry");
    assert_eq!(server.send(authorized("DELETE", "/me/cart/1", &two, None)).await.status, 204);
    assert_eq!(server.send(authorized("DELETE", "/me/cart", &two, None)).await.status, 204);
    assert_eq!(server.call("PUT", "/me/cart/1", &two, json!({ "quantity": 9 })).await.status, 201);

    assert_eq!(server.get("/me/cart/1", &one).await.json(), json!({ "quantity": 1 }));
}

#[tokio::test]
async fn s05_an_entry_survives_a_restart_and_a_refresh() {
    let server = Server::open().await;
    let tokens = server.anonymous_login().await;
    server.call("PUT", "/me/preferences/emoji", &tokens.access, json!("🫖\u{0}")).await;

    let server = server.restart().await;
    let fresh = server.refresh(&tokens.refresh).await.tokens();

    assert_eq!(server.get("/me/preferences/emoji", &fresh.access).await.json(), json!("🫖\u{0}"));
}
