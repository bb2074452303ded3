//! Support for the API tests: a server with its own database and clock, and the requests of a client.
//!
//! In these tests, a *simple client* is one that logs in without a body: it gets one long-lived access token and no refresh
//! token.

pub(crate) mod browser;
pub(crate) mod database;
mod jwt;
pub(crate) mod membership;
pub(crate) mod oidc_issuer;
#[expect(dead_code, reason = "some functions are used only by the tests of the program")]
pub(crate) mod postgres;
pub(crate) mod wait;

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, Request, StatusCode};
use guestpass_server::{Clock, Collections, Config, Guestpass, StoreLocation, Timestamp, UserAdmin, UserKey};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use self::database::Database;

pub(crate) use self::jwt::{claims_of, header_of};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A clock that only the test moves.
#[derive(Debug)]
pub(crate) struct TestClock(AtomicI64);

impl TestClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    pub(crate) fn set_back(&self, by: Duration) {
        self.0.fetch_sub(i64::try_from(by.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Seconds since 1970, rounded down.
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
    /// Opens a server with the default configuration and a new database.
    pub(crate) async fn open() -> Self {
        Self::open_with(|_| {}).await
    }

    pub(crate) async fn open_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::open_on_with(Database::new(), change).await
    }

    /// Opens a server with the default configuration and an existing database.
    pub(crate) async fn open_on(database: Database) -> Self {
        Self::open_on_with(database, |_| {}).await
    }

    async fn open_on_with(database: Database, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config { store: database.location(), ..Config::default() };
        change(&mut config);
        // With a fraction of a second, as real clocks have.
        let clock = Arc::new(TestClock(AtomicI64::new(1_800_000_000_250)));
        Self::start(config, clock, database).await
    }

    /// Stops the server and starts it again with the same database and clock.
    pub(crate) async fn restart(self) -> Self {
        self.restart_with(|_| {}).await
    }

    pub(crate) async fn restart_with(self, change: impl FnOnce(&mut Config)) -> Self {
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

    /// Direct access to the server's database.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// The integer that a SQL query returns.
    pub(crate) fn number(&self, query: &str) -> i64 {
        self.database.number(query)
    }

    /// When a guest was last active, as the command `users` shows it. The server may be closed.
    pub(crate) async fn last_active_at(&self, guest: &Tokens) -> i64 {
        let admin = UserAdmin::open_at(self.location(), self.clock.clone()).await.unwrap();
        let user = admin.user(UserKey::parse(&guest.id).unwrap()).await.unwrap().unwrap();
        admin.close().await;
        user.last_active_at.as_millis()
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> Response {
        send(self.router.clone(), request).await
    }

    /// Sends `count` requests concurrently, each from its own task; returns the responses in the order of the requests.
    pub(crate) async fn send_concurrently(&self, count: usize, request: impl Fn() -> Request<Body>) -> Vec<Response> {
        let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(send(self.router.clone(), request()))).collect();
        let mut responses = Vec::new();
        for task in tasks {
            responses.push(task.await.unwrap());
        }
        responses
    }

    /// Creates a guest with a refresh token, as the SDK does.
    pub(crate) async fn anonymous_login(&self) -> Tokens {
        let response = self.send(anonymous_login(Some(json!({ "refresh": true })), None)).await;
        assert_eq!(response.status, StatusCode::OK, "{response:?}");
        response.tokens()
    }

    /// Sends `POST /token`.
    pub(crate) async fn refresh(&self, refresh_token: &str) -> Response {
        self.send(refresh(refresh_token)).await
    }

    /// Sends `POST /revoke`.
    pub(crate) async fn revoke(&self, token: &str) -> Response {
        self.send(form("/revoke", &[("token", token)])).await
    }

    /// Sends a GET request with a bearer token.
    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        self.send(authorized("GET", path, token, None)).await
    }

    /// Sends a request with a bearer token and a JSON body.
    pub(crate) async fn call(&self, method: &str, path: &str, token: &str, body: Value) -> Response {
        self.send(authorized(method, path, token, Some(body))).await
    }

    /// The keys of the first page of a collection, in its order.
    pub(crate) async fn keys(&self, collection: &str, token: &str) -> Vec<String> {
        let page = self.get(&format!("/me/{collection}"), token).await.json();
        keys_of(&page)
    }

    /// Stores this many entries for the only guest: the keys are 1, 2, …, and each was last changed at the millisecond of its
    /// number.
    pub(crate) fn insert_entries(&self, collection: &str, count: i64, value: &str) {
        self.database.execute(&format!(
            "INSERT INTO entry (user_id, collection, key, created_at, updated_at, value)
             WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < {count})
             SELECT id, '{collection}', CAST(n AS TEXT), n, n, '{value}' FROM anonymous_user, number"
        ));
    }

    /// Whether an access token is accepted.
    pub(crate) async fn accepts(&self, access_token: &str) -> bool {
        let response = self.get("/me", access_token).await;
        match response.status {
            StatusCode::OK => true,
            StatusCode::UNAUTHORIZED => false,
            _ => panic!("the status is neither 200 nor 401: {response:?}"),
        }
    }
}

/// The keys of a page of a collection.
pub(crate) fn keys_of(page: &Value) -> Vec<String> {
    page["entries"].as_array().unwrap().iter().map(|entry| entry["key"].as_str().unwrap().to_owned()).collect()
}

/// The path of an entry, with its key percent-encoded.
pub(crate) fn entry_path(collection: &str, key: &str) -> String {
    let encoded = key.bytes().map(|byte| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    });
    format!("/me/{collection}/{}", encoded.collect::<String>())
}

/// The settings of a server with the default collections and these declarations.
pub(crate) fn declare(config: &mut Config, declarations: &str) {
    config.collections = Collections::from_toml(declarations, Path::new(".")).unwrap();
}

/// The tokens of a login, a refresh or an upgrade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) id: String,
    pub(crate) expires_in: u64,
}

/// The whole response to a request.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The value of a header; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn tokens(&self) -> Tokens {
        let json = self.json();
        let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned();
        Tokens {
            access: text("access_token"),
            refresh: text("refresh_token"),
            // A membership response has the member `id`.
            id: json["anonymous_id"].as_str().map_or_else(|| text("id"), str::to_owned),
            expires_in: json["expires_in"].as_u64().unwrap(),
        }
    }

    /// Checks that this is a problem document (RFC 9457) with this status.
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

pub(crate) async fn send(router: Router, request: Request<Body>) -> Response {
    let (parts, body) = router.oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Response { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&bytes).into_owned() }
}

/// The request as from a connection of the IP address `peer`.
pub(crate) fn from_peer(peer: &str, mut request: Request<Body>) -> Request<Body> {
    let peer = SocketAddr::new(peer.parse::<IpAddr>().unwrap(), 4711);
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

/// `POST /anonymous-login`
pub(crate) fn anonymous_login(body: Option<Value>, idempotency_key: Option<&str>) -> Request<Body> {
    let mut request = Request::post("/anonymous-login");
    if let Some(key) = idempotency_key {
        request = request.header("idempotency-key", key);
    }
    match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string().into()).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

/// `POST /token` with a refresh token
pub(crate) fn refresh(refresh_token: &str) -> Request<Body> {
    form("/token", &[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
}

/// A POST request with a form body
pub(crate) fn form(path: &str, parameters: &[(&str, &str)]) -> Request<Body> {
    Request::post(path)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish().into())
        .unwrap()
}

/// A request with a bearer token (an access token, or the refresh token of an account request) and, if there is one, a JSON body
pub(crate) fn authorized(method: &str, path: &str, token: &str, body: Option<Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header(AUTHORIZATION, format!("Bearer {token}"));
    match body {
        Some(body) => request.header(CONTENT_TYPE, "application/json").body(body.to_string().into()).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

/// Adds a header to the request.
pub(crate) fn with_header(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

/// A GET request without an access token
pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).body(Body::empty()).unwrap()
}
