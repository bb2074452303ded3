//! CAPTCHAs at `/anonymous-login`: a verification service on the loopback interface, and what the server does with its responses

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::post;
use axum::{Json, Router};
use guestpass_server::{Config, ProofOfWork};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::support::wait::until;
use crate::support::{Response, SECOND, Server, anonymous_login, from_peer, get, refresh, send};

const KEY: &str = "k_-GqFbKvQ0r8pWm2ZtYxA";
const OTHER_KEY: &str = "another-key-of-128-bits";
const SECRET: &str = "0x4AAAAAAA-secret";

/// A service that accepts each token that begins with `right` once.
#[derive(Clone)]
struct Service {
    url: String,
    state: Arc<ServiceState>,
}

struct ServiceState {
    requests: Mutex<Vec<Vec<(String, String)>>>,
    used: Mutex<HashSet<String>>,
    behaviour: Mutex<Behaviour>,
    /// The responses of a service that is [`Behaviour::Slow`].
    responses: Semaphore,
}

#[derive(Clone)]
enum Behaviour {
    Working,
    /// Each request waits until the test adds a permit.
    Slow,
    Responds(StatusCode, &'static str),
    RedirectsTo(String),
}

impl Service {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}/siteverify", listener.local_addr().unwrap());
        let state = Arc::new(ServiceState {
            requests: Mutex::default(),
            used: Mutex::default(),
            behaviour: Mutex::new(Behaviour::Working),
            responses: Semaphore::new(0),
        });
        let app = Router::new().route("/siteverify", post(verify)).with_state(Arc::clone(&state));
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, state }
    }

    fn set(&self, behaviour: Behaviour) {
        *self.state.behaviour.lock().unwrap() = behaviour;
    }

    fn requests(&self) -> Vec<Vec<(String, String)>> {
        self.state.requests.lock().unwrap().clone()
    }
}

async fn verify(State(service): State<Arc<ServiceState>>, form: String) -> HttpResponse {
    let fields: Vec<(String, String)> = form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    service.requests.lock().unwrap().push(fields.clone());
    let behaviour = service.behaviour.lock().unwrap().clone();
    match behaviour {
        Behaviour::Responds(status, body) => return (status, body).into_response(),
        Behaviour::RedirectsTo(url) => return (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, url)]).into_response(),
        Behaviour::Slow => service.responses.acquire().await.unwrap().forget(),
        Behaviour::Working => {}
    }
    let field = |name: &str| fields.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone());
    let error = match field("response") {
        _ if field("secret").as_deref() != Some(SECRET) => Some("invalid-input-secret"),
        Some(token) if !token.starts_with("right") => Some("invalid-input-response"),
        Some(token) => (!service.used.lock().unwrap().insert(token)).then_some("timeout-or-duplicate"),
        None => Some("missing-input-response"),
    };
    Json(json!({ "success": error.is_none(), "error-codes": error.into_iter().collect::<Vec<_>>() })).into_response()
}

async fn server(service: &Service) -> Server {
    server_with(service, |_| {}).await
}

async fn server_with(service: &Service, change: impl FnOnce(&mut Config)) -> Server {
    Server::open_with(|config| {
        config.captcha_verify_url = Some(service.url.parse().unwrap());
        config.captcha_secret = Some(SECRET.parse().unwrap());
        change(config);
    })
    .await
}

fn login(key: Option<&str>, token: Option<&str>) -> Request<Body> {
    let mut body = json!({ "refresh": true });
    if let Some(token) = token {
        body["captcha"] = token.into();
    }
    anonymous_login(Some(body), key)
}

#[track_caller]
fn assert_required(response: &Response, detail: &str) {
    response.assert_problem(428);
    assert_eq!(response.json()["code"], "captcha_required", "{response:?}");
    assert!(response.json()["detail"].as_str().unwrap().starts_with(detail), "{response:?}");
}

#[track_caller]
fn assert_unavailable(response: &Response, name: &str) {
    assert_eq!(response.status, 503, "{name}: {response:?}");
    response.assert_problem(503);
    assert!(!response.header("retry-after").is_empty(), "{name}");
}

fn guests(server: &Server) -> i64 {
    server.number("SELECT count(*) FROM anonymous_user")
}

#[tokio::test]
async fn a_login_needs_a_token_that_the_service_accepts() {
    let service = Service::start().await;
    let server = server(&service).await;

    assert_required(&server.send(login(None, None)).await, "This login needs the token of a CAPTCHA.");
    assert_required(&server.send(anonymous_login(None, None)).await, "This login needs");
    assert_required(&server.send(login(None, Some(""))).await, "This login needs");
    assert_eq!(service.requests().len(), 0);
    assert_required(
        &server.send(login(None, Some("wrong"))).await,
        "The token of the CAPTCHA is wrong, expired or used.",
    );
    assert_eq!(server.send(login(None, Some("right 1&x=ü"))).await.status, 200);
    assert_required(&server.send(login(None, Some("right 1&x=ü"))).await, "The token of the CAPTCHA is wrong");

    assert_eq!(guests(&server), 1);
    let fields = [("secret".to_owned(), SECRET.to_owned()), ("response".to_owned(), "right 1&x=ü".to_owned())];
    assert_eq!(service.requests()[1], fields);
}

#[tokio::test]
async fn the_service_gets_the_whole_address_of_the_client() {
    let service = Service::start().await;
    let server = server_with(&service, |config| config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()]).await;
    let mut behind_a_proxy = from_peer("10.0.0.1", login(None, Some("right 2")));
    behind_a_proxy.headers_mut().insert("x-forwarded-for", "198.51.100.1".parse().unwrap());

    for request in [from_peer("2001:db8::1:2:3:4", login(None, Some("right 1"))), behind_a_proxy] {
        assert_eq!(server.send(request).await.status, 200);
    }

    let addresses: Vec<_> = service.requests().into_iter().map(|fields| fields[2].clone()).collect();
    let remote = |address: &str| ("remoteip".to_owned(), address.to_owned());
    assert_eq!(addresses, [remote("2001:db8::1:2:3:4"), remote("198.51.100.1")]);
}

#[tokio::test]
async fn an_accepted_login_is_repeated_without_a_new_token() {
    let service = Service::start().await;
    let server = server(&service).await;
    let guest = server.send(login(Some(KEY), Some("right"))).await.tokens().id;

    assert_eq!(server.send(login(Some(KEY), None)).await.tokens().id, guest);
    assert_eq!(server.send(login(Some(KEY), Some("right"))).await.tokens().id, guest);

    assert_eq!(service.requests().len(), 1);
    assert_required(&server.send(login(Some(OTHER_KEY), None)).await, "This login needs");
}

#[tokio::test]
async fn a_login_without_a_token_is_not_remembered_as_accepted() {
    let service = Service::start().await;
    let server = server(&service).await;

    for _ in 0..2 {
        assert_required(&server.send(login(Some(KEY), None)).await, "This login needs");
        assert_required(&server.send(login(Some(KEY), Some("wrong"))).await, "The token of the CAPTCHA is wrong");
    }
    assert_eq!(guests(&server), 0);
}

#[tokio::test]
async fn only_a_login_of_a_guest_needs_a_token() {
    let service = Service::start().await;
    let server = server(&service).await;
    let guest = server.send(login(None, Some("right"))).await.tokens();

    let refreshed = server.send(refresh(&guest.refresh)).await.tokens();
    let mut register = Request::post("/register");
    register = register.header("authorization", format!("Bearer {}", refreshed.refresh));
    register = register.header("content-type", "application/json");
    let credentials = json!({ "email": "ada@example.com", "password": "correct horse battery" }).to_string();
    let registered = server.send(register.body(credentials.into()).unwrap()).await;

    assert_eq!(registered.status, 200, "{registered:?}");
    assert_eq!(service.requests().len(), 1);
}

#[tokio::test]
async fn a_token_is_verified_only_after_the_proof_of_work() {
    let service = Service::start().await;
    let server = server_with(&service, |config| config.login_proof = ProofOfWork::Cost(1)).await;

    let response = server.send(login(Some(KEY), Some("right"))).await;

    assert_eq!(response.json()["code"], "proof_required");
    assert_eq!(service.requests().len(), 0);
}

#[tokio::test]
async fn a_service_that_does_not_verify_creates_no_guest_and_uses_up_no_limit() {
    let service = Service::start().await;
    let server = server_with(&service, |config| config.login_rate = "1/1h".parse().unwrap()).await;
    let elsewhere = Service::start().await;
    let long: &'static str = " ".repeat(300_000).leak();
    for (name, behaviour) in [
        ("error", Behaviour::Responds(StatusCode::INTERNAL_SERVER_ERROR, "{\"success\":true}")),
        ("overload", Behaviour::Responds(StatusCode::TOO_MANY_REQUESTS, "slow down")),
        ("HTML", Behaviour::Responds(StatusCode::OK, "<!doctype html>")),
        ("nothing", Behaviour::Responds(StatusCode::OK, "")),
        ("another shape", Behaviour::Responds(StatusCode::OK, "{\"success\":\"true\"}")),
        ("array", Behaviour::Responds(StatusCode::OK, "[]")),
        ("too long", Behaviour::Responds(StatusCode::OK, long)),
        ("redirect", Behaviour::RedirectsTo(elsewhere.url.clone())),
        (
            "wrong secret",
            Behaviour::Responds(StatusCode::OK, "{\"success\":false,\"error-codes\":[\"invalid-input-secret\"]}"),
        ),
    ] {
        service.set(behaviour);
        let response = server.send(from_peer("203.0.113.7", login(None, Some("right")))).await;
        assert_unavailable(&response, name);
        assert!(!response.body.contains(SECRET), "{name}");
    }
    assert_eq!(elsewhere.requests().len(), 0, "the secret goes to no other server");
    service.set(Behaviour::Responds(StatusCode::BAD_REQUEST, "{\"success\":false}"));
    assert_required(&server.send(login(None, Some("wrong"))).await, "The token of the CAPTCHA is wrong");
    service.set(Behaviour::Working);

    let response = server.send(from_peer("203.0.113.7", login(None, Some("right")))).await;

    assert_eq!((response.status.as_u16(), guests(&server)), (200, 1));
    let metrics = send(server.guestpass().metrics_router(), get("/metrics")).await.body;
    assert!(
        metrics.contains(r#"guestpass_limited_requests_total{endpoint="login",limit="captcha-service"} 9"#),
        "{metrics}"
    );
    assert!(metrics.contains(r#"guestpass_limited_requests_total{endpoint="login",limit="captcha"} 1"#), "{metrics}");
}

#[tokio::test]
async fn an_unreachable_service_creates_no_guest() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let server = Server::open_with(|config| {
        config.captcha_verify_url = Some(url.parse().unwrap());
        config.captcha_secret = Some(SECRET.parse().unwrap());
    })
    .await;

    assert_unavailable(&server.send(login(None, Some("right"))).await, "refused connection");
    assert_eq!(guests(&server), 0);
}

#[tokio::test]
async fn s14_a_slow_service_delays_no_other_request_and_the_queue_is_bounded() {
    let service = Service::start().await;
    let server = Arc::new(server(&service).await);
    service.set(Behaviour::Slow);
    let logins: Vec<_> = (0..161)
        .map(|index| {
            let server = Arc::clone(&server);
            let request = from_peer("203.0.113.7", login(None, Some(&format!("right {index}"))));
            tokio::spawn(async move { server.send(request).await.status.as_u16() })
        })
        .collect();
    until("32 tokens are verified", || async { service.requests().len() == 32 }).await;
    let refused = || logins.iter().filter(|login| login.is_finished()).count();
    until("the queue is full", || async { refused() == 1 }).await;

    assert_eq!(server.send(get("/healthz")).await.status, 200);
    assert_eq!(service.requests().len(), 32);
    // Another client takes the place of one of the many.
    let other = {
        let server = Arc::clone(&server);
        tokio::spawn(
            async move { server.send(from_peer("198.51.100.1", login(None, Some("right other")))).await.status },
        )
    };
    until("the other client waits", || async { refused() == 2 }).await;
    service.state.responses.add_permits(1000);

    assert_eq!(other.await.unwrap(), 200);
    let mut statuses = Vec::new();
    for login in logins {
        statuses.push(login.await.unwrap());
    }
    let count = |status| statuses.iter().filter(|each| **each == status).count();
    assert_eq!((count(200), count(503)), (159, 2));
}

#[tokio::test]
async fn s14_wrong_tokens_of_one_network_are_limited_and_right_ones_do_not_count() {
    let service = Service::start().await;
    let server = server(&service).await;
    let try_token = async |peer: &str, token: &str| server.send(from_peer(peer, login(None, Some(token)))).await;
    for index in 0..5 {
        assert_eq!(try_token("203.0.113.7", &format!("right {index}")).await.status, 200);
    }
    for _ in 0..300 {
        assert_required(&try_token("203.0.113.7", "wrong").await, "The token of the CAPTCHA is wrong");
    }

    let refused = try_token("203.0.113.7", "right").await;

    refused.assert_problem(429);
    assert!(refused.json()["detail"].as_str().unwrap().contains("wrong CAPTCHA tokens"), "{refused:?}");
    assert_eq!(service.requests().len(), 305);
    assert_eq!(try_token("203.0.113.8", "right").await.status, 200, "another network");
    server.clock.advance(2 * SECOND);
    assert_eq!(try_token("203.0.113.7", "right later").await.status, 200);
}

#[tokio::test]
async fn a_token_is_a_text_and_is_ignored_if_none_is_needed() {
    let service = Service::start().await;
    let server = server(&service).await;
    for wrong in [json!(1), json!(null), json!({})] {
        let body: Value = json!({ "captcha": wrong });
        server.send(anonymous_login(Some(body), None)).await.assert_problem(422);
    }

    assert_eq!(Server::open().await.send(login(None, Some("anything"))).await.status, 200);
}
