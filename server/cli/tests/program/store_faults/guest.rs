//! A guest, with the changes that the server has acknowledged.

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::support::process::Process;

const FORM: &str = "application/x-www-form-urlencoded";
/// The greatest number of attempts of a change: a full store refuses earlier.
const MAX_ATTEMPTS: usize = 3000;

pub(super) struct Guest {
    access: String,
    refresh: String,
    /// The quantity of the entry `1` of the cart, up to its bound.
    quantity: u64,
}

impl Guest {
    /// Logs in; an error if the response is 503.
    pub(super) async fn log_in(server: &Process) -> Result<Self, Unavailable> {
        let request = server.http.post(format!("{}/anonymous-login", server.url));
        let tokens = send(request.header("content-type", "application/json").body("{\"refresh\":true}")).await?;
        Ok(Self { access: text(&tokens, "access_token"), refresh: text(&tokens, "refresh_token"), quantity: 0 })
    }

    pub(super) async fn add_to_cart(&mut self, server: &Process) -> Result<(), Unavailable> {
        let request = server.http.post(format!("{}/me/cart/1", server.url)).bearer_auth(&self.access);
        let addition = "{\"add\":{\"quantity\":1}}";
        let value = send(request.header("content-type", "application/json").body(addition)).await?;
        self.quantity = 99.min(self.quantity + 1);
        assert_eq!(value["quantity"], self.quantity);
        Ok(())
    }

    pub(super) async fn rotate(&mut self, server: &Process) -> Result<(), Unavailable> {
        let form = format!("grant_type=refresh_token&refresh_token={}", self.refresh);
        let request = server.http.post(format!("{}/token", server.url)).header("content-type", FORM).body(form);
        let tokens = send(request).await?;
        self.access = text(&tokens, "access_token");
        self.refresh = text(&tokens, "refresh_token");
        Ok(())
    }

    /// Checks that the cart can be read, and has the acknowledged quantity.
    pub(super) async fn check_cart(&self, server: &Process) {
        let request = server.http.get(format!("{}/me/cart", server.url)).bearer_auth(&self.access);
        let cart = send(request).await.unwrap();
        assert_eq!(cart["entries"][0]["value"]["quantity"].as_u64().unwrap_or(0), self.quantity, "{cart}");
    }

    /// Repeats each of the three kinds of change until it is refused. Returns the number of guests that were created.
    pub(super) async fn change_until_refused(&mut self, server: &Process) -> usize {
        let logins = count_until_refused!(Self::log_in(server));
        count_until_refused!(self.add_to_cart(server));
        count_until_refused!(self.rotate(server));
        logins
    }

    /// Checks that each of the three kinds of change is refused.
    pub(super) async fn assert_refused(&mut self, server: &Process) {
        assert!(Self::log_in(server).await.is_err(), "a login was acknowledged");
        assert!(self.add_to_cart(server).await.is_err(), "a cart change was acknowledged");
        assert!(self.rotate(server).await.is_err(), "a rotation was acknowledged");
    }

    /// Checks that each of the three kinds of change succeeds. Creates one more guest.
    pub(super) async fn assert_served(&mut self, server: &Process) {
        Self::log_in(server).await.unwrap();
        self.add_to_cart(server).await.unwrap();
        self.rotate(server).await.unwrap();
        self.check_cart(server).await;
    }
}

/// How often a change succeeded before it was refused.
macro_rules! count_until_refused {
    ($change:expr) => {{
        let mut succeeded = 0;
        while $change.await.is_ok() {
            succeeded += 1;
            assert!(succeeded < MAX_ATTEMPTS, "never refused");
        }
        succeeded
    }};
}
use count_until_refused;

/// A correct 503 response.
#[derive(Debug)]
pub(super) struct Unavailable;

async fn send(request: RequestBuilder) -> Result<Value, Unavailable> {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
    if status.is_success() {
        return Ok(body);
    }
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    assert_eq!(headers["content-type"], "application/problem+json", "{body}");
    assert_eq!(headers["retry-after"], "1", "{body}");
    let detail = text(&body, "detail");
    for internal in ["SQL", "database", "disk", "file", "/"] {
        assert!(!detail.contains(internal), "internals in {detail:?}");
    }
    Err(Unavailable)
}

fn text(json: &Value, name: &str) -> String {
    json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}")).to_owned()
}
