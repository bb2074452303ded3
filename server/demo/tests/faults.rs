//! The faults of the demo: their effects, and the clients that they affect.

#![expect(clippy::unwrap_used, reason = "clippy recognises tests by their attribute, and not the code that they share")]

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::request::Builder;
use axum::http::{Request, StatusCode};
use guestpass_server::{Config, Guestpass, StoreLocation};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// The demo, and one client of it.
struct Demo {
    guestpass: Guestpass,
    router: Router,
    network: &'static str,
    _directory: TempDir,
}

impl Demo {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = StoreLocation::Sqlite(directory.path().join("guestpass.db"));
        let guestpass = guestpass_demo::open(Config { store, ..Config::default() }).await.unwrap();
        let router = guestpass_demo::router(&guestpass);
        Self { guestpass, router, network: "192.0.2.1:1", _directory: directory }
    }

    async fn send(&self, request: Builder, body: &str) -> (StatusCode, Option<Value>) {
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(ConnectInfo(self.network.parse::<SocketAddr>().unwrap()));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.ok();
        (status, body.map(|body| serde_json::from_slice(&body.to_bytes()).unwrap_or(Value::Null)))
    }

    async fn login(&self) -> (String, String) {
        let request = Request::post("/anonymous-login").header("content-type", "application/json");
        let (status, body) = self.send(request, r#"{"refresh":true}"#).await;
        assert_eq!(status, StatusCode::OK);
        let text = |name: &str| body.as_ref().unwrap()[name].as_str().unwrap().to_owned();
        (text("access_token"), text("refresh_token"))
    }

    async fn refresh(&self, token: &str) -> (StatusCode, Option<Value>) {
        let request = Request::post("/token").header("content-type", "application/x-www-form-urlencoded");
        self.send(request, &format!("grant_type=refresh_token&refresh_token={token}")).await
    }

    async fn me(&self, token: &str) -> StatusCode {
        self.send(Request::get("/me").header("authorization", format!("Bearer {token}")), "").await.0
    }

    async fn inject(&self, fault: &str) {
        let (status, _) = self.send(Request::post(format!("/demo/faults/{fault}")), "").await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{fault}");
    }

    async fn report(&self) -> Value {
        self.send(Request::get("/demo/faults"), "").await.1.unwrap()
    }

    async fn clear(&self) {
        assert_eq!(self.send(Request::delete("/demo/faults"), "").await.0, StatusCode::NO_CONTENT);
    }

    /// The same site, and a client of another network.
    fn from(self, network: &'static str) -> Self {
        Self { network, ..self }
    }
}

#[tokio::test]
async fn an_outage_refuses_each_request_until_it_ends() {
    let demo = Demo::open().await;
    let (access, refresh) = demo.login().await;

    demo.inject("outage").await;

    assert_eq!(demo.me(&access).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(demo.refresh(&refresh).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(demo.report().await["outage_ms"].as_u64().unwrap() > 0);
    demo.clear().await;
    assert_eq!(demo.me(&access).await, StatusCode::OK);
}

#[tokio::test]
async fn a_fault_affects_no_other_client() {
    let demo = Demo::open().await;
    let (access, _) = demo.login().await;
    for fault in ["outage", "tomorrow", "lose-answer"] {
        demo.inject(fault).await;
    }

    let elsewhere = demo.from("198.51.100.1:1");

    assert_eq!(elsewhere.me(&access).await, StatusCode::OK);
    let (access, refresh) = elsewhere.login().await;
    assert_eq!(elsewhere.refresh(&refresh).await.0, StatusCode::OK);
    assert_eq!(elsewhere.me(&access).await, StatusCode::OK);
}

#[tokio::test]
async fn an_expired_token_is_refused_and_its_session_continues() {
    let demo = Demo::open().await;
    let (access, refresh) = demo.login().await;
    let expire = Request::post("/demo/faults/expire-token").header("authorization", format!("Bearer {access}"));
    assert_eq!(demo.send(expire, "").await.0, StatusCode::NO_CONTENT);

    assert_eq!(demo.me(&access).await, StatusCode::UNAUTHORIZED);

    let (status, successor) = demo.refresh(&refresh).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(demo.me(successor.unwrap()["access_token"].as_str().unwrap()).await, StatusCode::OK);
    assert_eq!(demo.send(Request::post("/demo/faults/expire-token"), "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_response_to_the_next_renewal_is_lost_after_the_server_has_handled_it() {
    let demo = Demo::open().await;
    let (_, refresh) = demo.login().await;
    demo.inject("lose-answer").await;

    let (status, lost) = demo.refresh(&refresh).await;
    assert_eq!((status, lost), (StatusCode::OK, None), "the body breaks");

    assert!(demo.refresh(&refresh).await.1.is_some(), "once only");
    assert_eq!(demo.report().await["guestpass"], json!({ "guests": 1, "logins": 1, "refreshes": 2 }));
}

#[tokio::test]
async fn the_classic_shop_is_counted_separately_and_loses_its_login() {
    let demo = Demo::open().await;
    demo.login().await;
    demo.inject("lose-answer").await;
    let login = || Request::post("/anonymous-login").header("demo-shop", "classic");

    assert_eq!(demo.send(login(), "").await.1, None);
    assert!(demo.send(login(), "").await.1.is_some());

    let report = demo.report().await;
    assert_eq!(report["guestpass"], json!({ "guests": 1, "logins": 1, "refreshes": 0 }));
    assert_eq!(report["classic"], json!({ "guests": 2, "logins": 2, "refreshes": 0 }));
}

#[tokio::test]
async fn a_session_outlives_a_day() {
    let demo = Demo::open().await;
    let (access, refresh) = demo.login().await;

    demo.inject("tomorrow").await;

    assert_eq!(demo.me(&access).await, StatusCode::UNAUTHORIZED);
    let (status, successor) = demo.refresh(&refresh).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(demo.me(successor.unwrap()["access_token"].as_str().unwrap()).await, StatusCode::OK);
    assert_eq!(demo.report().await["ahead_s"], 24 * 60 * 60);
}

#[tokio::test]
async fn an_unknown_fault_is_refused_and_an_ordinary_server_has_no_faults() {
    let demo = Demo::open().await;
    assert_eq!(demo.send(Request::post("/demo/faults/everything"), "").await.0, StatusCode::BAD_REQUEST);

    let router = demo.guestpass.router();
    let ordinary = Demo { router, ..demo };

    assert_eq!(ordinary.send(Request::get("/demo/faults"), "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ordinary.send(Request::post("/demo/faults/outage"), "").await.0, StatusCode::NOT_FOUND);
}
