//! The vocabulary of these tests: a server with its own file and clock, and what a client says to it.

pub(crate) mod database;
mod jwt;
#[expect(dead_code, reason = "used by the tests of the program only")]
pub(crate) mod postgres;
pub(crate) mod wait;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, StatusCode};
use guestpass_server::{Clock, Config, Guestpass, StoreLocation, Timestamp};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use self::database::Database;

pub(crate) use self::jwt::{claims_of, header_of};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that moves when a test says so.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn set_back(&self, by: Duration) {
        self.0.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn secs(&self) -> i64 {
        self.now().as_millis().div_euclid(1000)
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }
}

/// A server with a database and a clock of its own.
pub(crate) struct Server {
    pub(crate) clock: Arc<TestClock>,
    guestpass: Guestpass,
    router: Router,
    config: Config,
    database: Database,
}

impl Server {
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        let database = Database::new();
        let mut config = Config { store: database.location(), ..Config::default() };
        change(&mut config);
        // Not on a whole second, as no real clock is.
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_250)));
        Self::start(config, clock, database).await
    }

    /// Stops the server and starts it again on the same database.
    pub(crate) async fn reopen(self) -> Self {
        self.reopen_with(|_| {}).await
    }

    pub(crate) async fn reopen_with(self, change: impl FnOnce(&mut Config)) -> Self {
        self.guestpass.close().await.unwrap();
        let mut config = self.config;
        change(&mut config);
        Self::start(config, self.clock, self.database).await
    }

    async fn start(config: Config, clock: Arc<TestClock>, database: Database) -> Self {
        let guestpass = Guestpass::open_at(config.clone(), clock.clone()).await.unwrap();
        let router = guestpass.router();
        Self { clock, guestpass, router, config, database }
    }

    pub(crate) fn guestpass(&self) -> Guestpass {
        self.guestpass.clone()
    }

    pub(crate) async fn close(&self) {
        self.guestpass.close().await.unwrap();
    }

    pub(crate) fn location(&self) -> &StoreLocation {
        &self.config.store
    }

    /// The server's database, as an operator sees it.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    pub(crate) fn number(&self, query: &str) -> i64 {
        self.database.number(query)
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        send(self.router.clone(), request).await
    }

    /// Sends `count` requests at once, each from a task of its own.
    pub(crate) async fn send_at_once(&self, count: usize, request: impl Fn() -> Request<Body>) -> Vec<Answer> {
        let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(send(self.router.clone(), request()))).collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    }

    /// Logs in as the SDK does.
    pub(crate) async fn login(&self) -> Tokens {
        let answer = self.send(login(Some(json!({ "refresh": true })), None)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.tokens()
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        self.send(refresh(refresh_token)).await
    }

    pub(crate) async fn revoke(&self, token: &str) -> Answer {
        self.send(form("/revoke", &[("token", token)])).await
    }

    pub(crate) async fn get(&self, path: &str, access_token: &str) -> Answer {
        self.send(authorized("GET", path, access_token, None)).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, access_token: &str, body: Value) -> Answer {
        self.send(authorized(method, path, access_token, Some(body))).await
    }

    /// Fills the catalogue up to an item of this number.
    pub(crate) fn stock(&self, last: i64) {
        let items = (13..=last).map(|id| format!("({id}, 'Thing {id}', '', 100, 'EUR', '', '')"));
        let items = items.collect::<Vec<_>>().join(", ");
        self.database.execute(&format!(
            "INSERT INTO item (id, name, description, price_cents, currency, emoji, category) VALUES {items}"
        ));
    }

    /// Whether an access token is accepted.
    pub(crate) async fn accepts(&self, access_token: &str) -> bool {
        let answer = self.get("/me", access_token).await;
        match answer.status {
            StatusCode::OK => true,
            StatusCode::UNAUTHORIZED => false,
            _ => panic!("neither accepted nor refused: {answer:?}"),
        }
    }
}

/// What a login or a refresh gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) id: String,
    pub(crate) expires_in: u64,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn tokens(&self) -> Tokens {
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned();
        Tokens {
            access: text("access_token"),
            refresh: text("refresh_token"),
            id: text("anonymous_id"),
            expires_in: json["expires_in"].as_u64().unwrap(),
        }
    }

    /// Checks that this is a problem of RFC 9457 with `status`.
    pub(crate) fn assert_problem(&self, status: u16) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        assert_eq!(self.json()["status"], status, "{self:?}");
        assert!(self.json()["detail"].is_string(), "{self:?}");
    }

    /// Checks that this is an error of the token endpoint (RFC 6749 §5.2).
    pub(crate) fn assert_oauth_error(&self, error: &str) {
        assert_eq!(self.status, StatusCode::BAD_REQUEST, "{self:?}");
        assert_eq!(self.header("content-type"), "application/json", "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        assert_eq!(self.json()["error"], error, "{self:?}");
    }
}

pub(crate) async fn send(router: Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&bytes).into_owned() }
}

/// A request as it comes from a connection of `peer`.
pub(crate) fn from(peer: &str, mut request: Request<Body>) -> Request<Body> {
    let peer = SocketAddr::new(peer.parse::<IpAddr>().unwrap(), 4711);
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

pub(crate) fn login(body: Option<Value>, idempotency_key: Option<&str>) -> Request<Body> {
    let mut request = Request::post("/anonymous-login");
    if let Some(key) = idempotency_key {
        request = request.header("idempotency-key", key);
    }
    match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string().into()).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

pub(crate) fn refresh(refresh_token: &str) -> Request<Body> {
    form("/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
}

pub(crate) fn form(path: &str, parameters: &[(&str, &str)]) -> Request<Body> {
    Request::post(path)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish().into())
        .unwrap()
}

pub(crate) fn authorized(method: &str, path: &str, access_token: &str, body: Option<Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header(AUTHORIZATION, format!("Bearer {access_token}"));
    match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string().into()).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

/// The request with one more header.
pub(crate) fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}
