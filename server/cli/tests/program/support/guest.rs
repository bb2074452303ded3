//! A guest with the tokens of its session.

use reqwest::{Client, StatusCode};
use serde_json::Value;

use super::process::Process;

const FORM: &str = "application/x-www-form-urlencoded";

#[derive(Debug, Clone)]
pub(crate) struct Guest {
    /// The `sub` of the tokens.
    pub(crate) id: String,
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Guest {
    pub(crate) async fn log_in(server: &Process) -> Self {
        Self::log_in_at(&server.http, &server.url).await.unwrap()
    }

    /// `None`: no complete response.
    pub(crate) async fn log_in_at(http: &Client, url: &str) -> Option<Self> {
        let request = http.post(format!("{url}/anonymous-login")).header("content-type", "application/json");
        let response = request.body("{\"refresh\":true}").send().await.ok()?;
        let tokens: Value = serde_json::from_slice(&response.bytes().await.ok()?).ok()?;
        let text = |name: &str| tokens[name].as_str().map(str::to_owned);
        Some(Self { id: text("anonymous_id")?, access: text("access_token")?, refresh: text("refresh_token")? })
    }

    /// Exchanges the refresh token. `None`: the server refuses it.
    pub(crate) async fn refresh(&self, server: &Process) -> Option<Self> {
        let form = format!("grant_type=refresh_token&refresh_token={}", self.refresh);
        let request = server.http.post(format!("{}/token", server.url)).header("content-type", FORM).body(form);
        let response = request.send().await.unwrap();
        let (status, body) = (response.status(), response.bytes().await.unwrap());
        let body: Value = serde_json::from_slice(&body).unwrap();
        if status == StatusCode::BAD_REQUEST && body["error"] == "invalid_grant" {
            return None;
        }
        assert_eq!(status, StatusCode::OK, "{body}");
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Some(Self { id: self.id.clone(), access: text("access_token"), refresh: text("refresh_token") })
    }

    /// Whether the server accepts the access token.
    pub(crate) async fn is_accepted(&self, server: &Process) -> bool {
        let response = server.http.get(format!("{}/me", server.url)).bearer_auth(&self.access).send().await.unwrap();
        response.status() == StatusCode::OK
    }

    pub(crate) async fn revoke(&self, server: &Process) {
        let request = server.http.post(format!("{}/revoke", server.url)).header("content-type", FORM);
        let response = request.body(format!("token={}", self.refresh)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }

    pub(crate) async fn erase(&self, server: &Process) {
        let request = server.http.delete(format!("{}/me", server.url)).bearer_auth(&self.refresh);
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    }
}
