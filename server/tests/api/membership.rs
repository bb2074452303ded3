//! The vocabulary of the tests about members.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::support::{Answer, Server, Tokens, authorized};

pub(crate) const EMAIL: &str = "ada@example.com";
pub(crate) const PASSWORD: &str = "correct horse battery staple";

pub(crate) fn credentials(email: &str, password: &str) -> Value {
    json!({ "email": email, "password": password })
}

pub(crate) fn register(access_token: &str) -> Request<Body> {
    authorized("POST", "/register", access_token, Some(credentials(EMAIL, PASSWORD)))
}

pub(crate) fn log_in(access_token: &str) -> Request<Body> {
    authorized("POST", "/login", access_token, Some(credentials(EMAIL, PASSWORD)))
}

/// The UUID of a subject.
pub(crate) fn uuid_of(subject: &str) -> &str {
    subject.split_once('_').unwrap().1
}

pub(crate) fn user(subject: &str) -> String {
    format!("user_{}", uuid_of(subject))
}

/// Makes a member.
pub(crate) async fn member(server: &Server) -> Tokens {
    let tokens = server.login().await;
    let answer = server.send(register(&tokens.access)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    tokens
}

/// What makes a user's data, whoever looks.
pub(crate) async fn cart(server: &Server, access_token: &str) -> Vec<(i64, i64)> {
    let cart = server.get("/me/cart", access_token).await.json();
    let lines = cart["lines"].as_array().unwrap().iter();
    let mut lines: Vec<_> =
        lines.map(|line| (line["item_id"].as_i64().unwrap(), line["quantity"].as_i64().unwrap())).collect();
    lines.sort_unstable();
    lines
}

pub(crate) async fn add_to_cart(server: &Server, access_token: &str, item: i64, quantity: i64) {
    let answer = server.call("POST", "/me/cart", access_token, json!({ "item_id": item, "quantity": quantity })).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

impl Answer {
    /// Checks that this is a refusal with a code.
    pub(crate) fn assert_refused(&self, status: u16, code: &str) {
        self.assert_problem(status);
        assert_eq!(self.json()["code"], code, "{self:?}");
    }

    /// Checks that the caller is a member now.
    pub(crate) fn assert_member(&self, id: &str, outcome: &str, merged: bool) {
        assert_eq!(self.status, 200, "{self:?}");
        let json = self.json();
        assert_eq!(json["id"], id, "{self:?}");
        assert_eq!(json["kind"], "user", "{self:?}");
        assert_eq!(json["outcome"], outcome, "{self:?}");
        assert_eq!(json["merged"], merged, "{self:?}");
    }
}
