//! The collections of the demo, and the API beside its faults.

#![expect(clippy::unwrap_used, reason = "clippy recognises tests by their attribute, and not the code that they share")]

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};
use guestpass_server::{Collections, Config, StoreLocation};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// The demo with its collections.
struct Demo {
    router: Router,
    _directory: TempDir,
}

impl Demo {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = StoreLocation::Sqlite(directory.path().join("guestpass.db"));
        let collections = guestpass_demo::collections().unwrap();
        let guestpass = guestpass_demo::open(Config { store, collections, ..Config::default() }).await.unwrap();
        Self { router: guestpass_demo::router(&guestpass), _directory: directory }
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .extension(ConnectInfo("192.0.2.1:1".parse::<SocketAddr>().unwrap()));
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn login(&self, prefix: &str) -> String {
        let path = format!("{prefix}/anonymous-login");
        let (status, body) = self.send(Method::POST, &path, "", Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body["access_token"].as_str().unwrap().to_owned()
    }
}

#[test]
fn the_declarations_of_the_demo_can_be_read() {
    assert_ne!(guestpass_demo::collections().unwrap(), Collections::default());
}

#[tokio::test]
async fn the_ninth_search_replaces_the_oldest_one() {
    let demo = Demo::open().await;
    let token = demo.login("").await;

    for number in 1..=9 {
        let path = format!("/me/searches/{number}");
        let (status, body) = demo.send(Method::PUT, &path, &token, json!({ "text": format!("tea {number}") })).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
    }

    let (_, list) = demo.send(Method::GET, "/me/searches", &token, Value::Null).await;
    let keys: Vec<&str> =
        list["entries"].as_array().unwrap().iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["9", "8", "7", "6", "5", "4", "3", "2"]);
}

#[tokio::test]
async fn a_note_that_breaks_the_schema_is_refused_with_the_place() {
    let demo = Demo::open().await;
    let token = demo.login("").await;

    let (status, problem) = demo.send(Method::PUT, "/me/notes/1", &token, json!({ "text": "long ".repeat(40) })).await;

    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("invalid_value")));
    assert_eq!(problem["errors"][0]["pointer"], "/text");
    let (status, _) = demo.send(Method::PUT, "/me/notes/1", &token, json!({ "text": "For Ada." })).await;
    assert_eq!(status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_line_of_the_cart_can_have_a_note() {
    let demo = Demo::open().await;
    let token = demo.login("").await;
    let line = json!({ "quantity": 2, "note": "Gift wrap, please" });

    let (status, stored) = demo.send(Method::PUT, "/me/cart/1", &token, line.clone()).await;

    assert_eq!((status, stored), (StatusCode::CREATED, line));
    let (status, _) = demo.send(Method::PUT, "/me/cart/1", &token, json!({ "quantity": 100 })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn the_plain_api_has_the_same_guests_and_no_faults_and_is_not_counted() {
    let demo = Demo::open().await;
    let token = demo.login("/demo/plain").await;
    let (status, _) = demo.send(Method::POST, "/demo/faults/outage", &token, Value::Null).await;
    assert_eq!(status, StatusCode::NO_CONTENT);

    assert_eq!(demo.send(Method::GET, "/me", &token, Value::Null).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(demo.send(Method::GET, "/demo/plain/me", &token, Value::Null).await.0, StatusCode::OK);
    let (_, report) = demo.send(Method::GET, "/demo/faults", &token, Value::Null).await;
    assert_eq!(report["guestpass"], json!({ "guests": 0, "logins": 0, "refreshes": 0 }));
}
