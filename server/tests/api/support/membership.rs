//! Requests and checks of the tests about registration and login to an account.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::{Response, Server, Tokens, authorized};

pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

/// `POST /register` with `EMAIL` and `PASSWORD`.
pub(crate) fn register(refresh_token: &str) -> Request<Body> {
    authorized("POST", "/register", refresh_token, Some(credentials(EMAIL, PASSWORD)))
}

/// `POST /login` with `EMAIL` and `PASSWORD`.
pub(crate) fn login(refresh_token: &str) -> Request<Body> {
    authorized("POST", "/login", refresh_token, Some(credentials(EMAIL, PASSWORD)))
}

/// The UUID of a subject such as `anonymous_0197…`.
pub(crate) fn uuid_of(subject: &str) -> &str {
    subject.split_once('_').unwrap().1
}

/// The ID of a guest's account after registration: `user_` and the UUID of the guest.
pub(crate) fn user_id(subject: &str) -> String {
    format!("user_{}", uuid_of(subject))
}

/// The tokens of a new member, who has registered with `EMAIL` and `PASSWORD`.
pub(crate) async fn new_member(server: &Server) -> Tokens {
    let tokens = server.anonymous_login().await;
    let response = server.send(register(&tokens.refresh)).await;
    assert_eq!(response.status, 200, "{response:?}");
    response.tokens()
}

/// The entries of a cart as (key, quantity), ordered by key. The keys are numbers.
pub(crate) async fn cart(server: &Server, access_token: &str) -> Vec<(i64, i64)> {
    let cart = server.get("/me/cart", access_token).await.json();
    let entry =
        |entry: &Value| (entry["key"].as_str().unwrap().parse().unwrap(), entry["value"]["quantity"].as_i64().unwrap());
    let mut entries: Vec<_> = cart["entries"].as_array().unwrap().iter().map(entry).collect();
    entries.sort_unstable();
    entries
}

pub(crate) async fn add_to_cart(server: &Server, access_token: &str, key: i64, quantity: i64) {
    let body = json!({ "add": { "quantity": quantity } });
    let response = server.call("POST", &format!("/me/cart/{key}"), access_token, body).await;
    assert!(response.status.is_success(), "{response:?}");
}

impl Response {
    /// Checks that this is an error with this status and code.
    pub(crate) fn assert_refused(&self, status: u16, code: &str) {
        self.assert_problem(status);
        assert_eq!(self.json()["code"], code, "{self:?}");
    }

    /// Checks that the caller is a member, with this ID and this outcome. Returns the tokens of the new session.
    pub(crate) fn assert_member(&self, id: &str, outcome: &str, merged: bool) -> Tokens {
        assert_eq!(self.status, 200, "{self:?}");
        let json = self.json();
        assert_eq!(json["id"], id, "{self:?}");
        assert_eq!(json["kind"], "user", "{self:?}");
        assert_eq!(json["outcome"], outcome, "{self:?}");
        assert_eq!(json["merged"], merged, "{self:?}");
        assert_eq!(self.header("cache-control"), "no-store", "{self:?}");
        self.tokens()
    }
}
