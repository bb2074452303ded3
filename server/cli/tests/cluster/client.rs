//! A client of a node or of nginx.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::nginx::NODES_HEADER;

/// The longest wait for a condition.
const TIMEOUT: Duration = Duration::from_secs(20);
pub(crate) const INTROSPECTION_SECRET: &str = "a-secret-for-introspection-of-32-characters";

#[derive(Debug, Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    url: String,
}

/// A complete response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    pub(crate) nodes: String,
    pub(crate) body: Value,
}

#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) id: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Response {
    pub(crate) fn tokens(&self) -> Tokens {
        let text = |name: &str| self.body[name].as_str().unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned();
        // A membership response has the member `id`.
        let id = self.body["anonymous_id"].as_str().map_or_else(|| text("id"), str::to_owned);
        Tokens { id, access: text("access_token"), refresh: text("refresh_token") }
    }
}

impl Client {
    pub(crate) fn new(address: &str) -> Self {
        Self { http: reqwest::Client::new(), url: format!("http://{address}") }
    }

    /// The client with another address of this machine for its connections: Linux accepts all of 127.0.0.0/8.
    pub(crate) fn at(mut self, address: [u8; 4]) -> Self {
        self.http = reqwest::Client::builder().local_address(Some(Ipv4Addr::from(address).into())).build().unwrap();
        self
    }

    /// Logs in with a forged X-Forwarded-For.
    pub(crate) async fn login_with_forwarded_for(&self, forwarded: &str) -> Response {
        let request = self.http.post(format!("{}/anonymous-login", self.url));
        send(request.header("x-forwarded-for", forwarded)).await
    }

    /// Logs in as the SDK does.
    pub(crate) async fn login(&self) -> Tokens {
        let key = format!("{}{}", uuid::Uuid::now_v7().simple(), uuid::Uuid::now_v7().simple());
        let request = self.http.post(format!("{}/anonymous-login", self.url)).header("idempotency-key", key);
        let request = request.header("content-type", "application/json").body("{\"refresh\":true}");
        let response = send(request).await;
        assert_eq!(response.status, 200, "{response:?}");
        response.tokens()
    }

    pub(crate) async fn refresh(&self, token: &str) -> Response {
        self.form("/token", &format!("grant_type=refresh_token&refresh_token={token}")).await
    }

    pub(crate) async fn revoke(&self, token: &str) -> Response {
        self.form("/revoke", &format!("token={token}")).await
    }

    pub(crate) async fn get(&self, path: &str, access: &str) -> Response {
        send(self.http.get(format!("{}{path}", self.url)).bearer_auth(access)).await
    }

    pub(crate) async fn erase(&self, refresh_token: &str) -> Response {
        send(self.http.delete(format!("{}/me", self.url)).bearer_auth(refresh_token)).await
    }

    pub(crate) async fn end_other_sessions(&self, refresh_token: &str) -> Response {
        send(self.http.delete(format!("{}/me/sessions", self.url)).bearer_auth(refresh_token)).await
    }

    /// Sets the quantity of the entry `1` of the cart.
    pub(crate) async fn set(&self, access: &str, quantity: i64) -> Response {
        self.send(Method::PUT, "/me/cart/1", access, &json!({ "quantity": quantity })).await
    }

    /// Adds 1 to the quantity of the entry `2` of the cart.
    pub(crate) async fn add(&self, access: &str) -> Response {
        self.send(Method::POST, "/me/cart/2", access, &json!({ "add": { "quantity": 1 } })).await
    }

    /// The quantities in the cart, by key.
    pub(crate) async fn cart(&self, access: &str) -> BTreeMap<String, i64> {
        let response = self.get("/me/cart", access).await;
        assert_eq!(response.status, 200, "{response:?}");
        let entries = response.body["entries"].as_array().unwrap();
        let quantity = |entry: &Value| entry["value"]["quantity"].as_i64().unwrap();
        entries.iter().map(|entry| (entry["key"].as_str().unwrap().to_owned(), quantity(entry))).collect()
    }

    /// Registers a member or logs in as one: `path` is the endpoint.
    pub(crate) async fn member(&self, path: &str, refresh_token: &str, key: &str) -> Response {
        let body = json!({ "email": "ada@example.com", "password": "correct horse battery staple" });
        let request = self.http.post(format!("{}{path}", self.url)).bearer_auth(refresh_token);
        let request = request.header("content-type", "application/json").header("idempotency-key", key);
        send(request.body(body.to_string())).await
    }

    pub(crate) async fn introspect(&self, token: &str) -> Response {
        let request = self.http.post(format!("{}/introspect", self.url)).bearer_auth(INTROSPECTION_SECRET);
        let request =
            request.header("content-type", "application/x-www-form-urlencoded").body(format!("token={token}"));
        send(request).await
    }

    pub(crate) async fn accepts(&self, access: &str) -> bool {
        let response = self.get("/items/", access).await;
        match response.status.as_u16() {
            200 => true,
            401 => false,
            _ => panic!("neither accepted nor refused: {response:?}"),
        }
    }

    /// Waits until the token is refused.
    pub(crate) async fn until_refused(&self, access: &str) {
        until(async || !self.accepts(access).await).await;
    }

    async fn send(&self, method: Method, path: &str, access: &str, body: &Value) -> Response {
        let request = self.http.request(method, format!("{}{path}", self.url)).bearer_auth(access);
        send(request.header("content-type", "application/json").body(body.to_string())).await
    }

    async fn form(&self, path: &str, body: &str) -> Response {
        let request = self.http.post(format!("{}{path}", self.url));
        send(request.header("content-type", "application/x-www-form-urlencoded").body(body.to_owned())).await
    }
}

/// Waits for a condition, which it checks repeatedly.
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let polling = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(TIMEOUT, polling).await.expect("the condition did not become true in time");
}

async fn send(request: reqwest::RequestBuilder) -> Response {
    let response = request.send().await.unwrap();
    let status = response.status();
    let header = |name| response.headers().get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (content_type, nodes) = (header("content-type"), header(NODES_HEADER));
    let body = response.bytes().await.unwrap();
    Response { status, content_type, nodes, body: serde_json::from_slice(&body).unwrap_or(Value::Null) }
}
