//! Token requests: what is sent, with gloo-net's headers. The shell sends it as it is, never through the authenticated path (C1).

use gloo_net::http::Headers;
use guestpass_core::wire::{GRANT_TYPE_REFRESH, IDEMPOTENCY_KEY, LOGIN_BODY, LOGIN_PATH, REVOKE_PATH, TOKEN_PATH};
use guestpass_core::{Request, Secret};
use js_sys::encode_uri_component;

/// A `POST` of the session.
pub(crate) struct Post {
    /// In the log.
    pub(crate) kind: &'static str,
    pub(crate) path: &'static str,
    pub(crate) headers: Headers,
    pub(crate) body: String,
}

pub(crate) fn post(request: &Request) -> Post {
    let headers = Headers::new();
    let mut content_type = "application/x-www-form-urlencoded";
    let (kind, path, body) = match request {
        Request::Acquire { key } => {
            content_type = "application/json";
            headers.set(IDEMPOTENCY_KEY, key.expose());
            ("acquire", LOGIN_PATH, String::from(LOGIN_BODY))
        }
        Request::Refresh { refresh_token } => {
            let before = ["grant_type=", GRANT_TYPE_REFRESH, "&refresh_token="].concat();
            ("refresh", TOKEN_PATH, form(before, refresh_token))
        }
        Request::Revoke { token } => ("revoke", REVOKE_PATH, form(String::from("token="), token)),
    };
    headers.set("Content-Type", content_type);
    Post { kind, path, headers, body }
}

fn form(mut body: String, token: &Secret) -> String {
    body.push_str(&String::from(encode_uri_component(token.expose())));
    body
}
