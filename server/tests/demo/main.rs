//! The stage of `serve --demo`: what its faults do, and to whom.

#![expect(clippy::unwrap_used, reason = "clippy knows tests by their attribute, and not what they share")]

use std::net::SocketAddr;
use std::process::Command;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::request::Builder;
use axum::http::{Request, StatusCode};
use guestpass_server::{Config, Guestpass, StoreLocation, demo};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

/// The demo, and one visitor of it.
struct Stage {
    guestpass: Guestpass,
    router: Router,
    network: &'static str,
    _directory: TempDir,
}

impl Stage {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = StoreLocation::Sqlite(directory.path().join("guestpass.db"));
        let guestpass = demo::open(Config { store, ..Config::default() }).await.unwrap();
        let router = demo::router(&guestpass);
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

    async fn order(&self, fault: &str) {
        let (status, _) = self.send(Request::post(format!("/demo/faults/{fault}")), "").await;
        assert_eq!(status, StatusCode::NO_CONTENT, "{fault}");
    }

    async fn report(&self) -> Value {
        self.send(Request::get("/demo/stage"), "").await.1.unwrap()
    }

    async fn clear(&self) {
        assert_eq!(self.send(Request::delete("/demo/stage"), "").await.0, StatusCode::NO_CONTENT);
    }

    /// The same site, seen from elsewhere.
    fn from(self, network: &'static str) -> Self {
        Self { network, ..self }
    }
}

#[tokio::test]
async fn an_outage_refuses_everything_of_the_api_until_it_is_over() {
    let stage = Stage::open().await;
    let (access, refresh) = stage.login().await;

    stage.order("outage").await;

    assert_eq!(stage.me(&access).await, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stage.refresh(&refresh).await.0, StatusCode::SERVICE_UNAVAILABLE);
    assert!(stage.report().await["outage_ms"].as_u64().unwrap() > 0);
    stage.clear().await;
    assert_eq!(stage.me(&access).await, StatusCode::OK);
}

#[tokio::test]
async fn a_fault_strikes_nobody_elsewhere() {
    let stage = Stage::open().await;
    let (access, _) = stage.login().await;
    for fault in ["outage", "tomorrow", "lose-answer"] {
        stage.order(fault).await;
    }

    let elsewhere = stage.from("198.51.100.1:1");

    assert_eq!(elsewhere.me(&access).await, StatusCode::OK);
    let (access, refresh) = elsewhere.login().await;
    assert_eq!(elsewhere.refresh(&refresh).await.0, StatusCode::OK);
    assert_eq!(elsewhere.me(&access).await, StatusCode::OK);
}

#[tokio::test]
async fn a_token_that_was_made_to_expire_is_refused_and_its_session_goes_on() {
    let stage = Stage::open().await;
    let (access, refresh) = stage.login().await;
    let expire = Request::post("/demo/faults/expire-token").header("authorization", format!("Bearer {access}"));
    assert_eq!(stage.send(expire, "").await.0, StatusCode::NO_CONTENT);

    assert_eq!(stage.me(&access).await, StatusCode::UNAUTHORIZED);

    let (status, successor) = stage.refresh(&refresh).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(stage.me(successor.unwrap()["access_token"].as_str().unwrap()).await, StatusCode::OK);
    assert_eq!(stage.send(Request::post("/demo/faults/expire-token"), "").await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn the_answer_to_the_next_renewal_is_lost_although_the_server_has_acted() {
    let stage = Stage::open().await;
    let (_, refresh) = stage.login().await;
    stage.order("lose-answer").await;

    let (status, lost) = stage.refresh(&refresh).await;
    assert_eq!((status, lost), (StatusCode::OK, None), "the body breaks");

    assert!(stage.refresh(&refresh).await.1.is_some(), "once only");
    assert_eq!(stage.report().await["guestpass"], json!({ "guests": 1, "logins": 1, "refreshes": 2 }));
}

#[tokio::test]
async fn the_shop_on_interceptors_is_counted_apart_and_loses_its_login() {
    let stage = Stage::open().await;
    stage.login().await;
    stage.order("lose-answer").await;
    let login = || Request::post("/anonymous-login").header("demo-shop", "classic");

    assert_eq!(stage.send(login(), "").await.1, None);
    assert!(stage.send(login(), "").await.1.is_some());

    let report = stage.report().await;
    assert_eq!(report["guestpass"], json!({ "guests": 1, "logins": 1, "refreshes": 0 }));
    assert_eq!(report["classic"], json!({ "guests": 2, "logins": 2, "refreshes": 0 }));
}

#[tokio::test]
async fn a_day_goes_by_and_the_session_outlives_it() {
    let stage = Stage::open().await;
    let (access, refresh) = stage.login().await;

    stage.order("tomorrow").await;

    assert_eq!(stage.me(&access).await, StatusCode::UNAUTHORIZED);
    let (status, successor) = stage.refresh(&refresh).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(stage.me(successor.unwrap()["access_token"].as_str().unwrap()).await, StatusCode::OK);
    assert_eq!(stage.report().await["ahead_s"], 24 * 60 * 60);
}

#[tokio::test]
async fn there_is_no_such_fault_and_no_stage_at_an_ordinary_server() {
    let stage = Stage::open().await;
    assert_eq!(stage.send(Request::post("/demo/faults/everything"), "").await.0, StatusCode::BAD_REQUEST);

    let router = stage.guestpass.router();
    let ordinary = Stage { router, ..stage };

    assert_eq!(ordinary.send(Request::get("/demo/stage"), "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(ordinary.send(Request::post("/demo/faults/outage"), "").await.0, StatusCode::NOT_FOUND);
}

#[test]
fn only_the_flag_makes_a_server_a_demo() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("guestpass.toml");
    std::fs::write(&file, "demo = true\n").unwrap();

    let output =
        Command::new(env!("CARGO_BIN_EXE_guestpass")).arg("serve").arg("--config").arg(&file).output().unwrap();

    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("there is no setting \"demo\""));
}
