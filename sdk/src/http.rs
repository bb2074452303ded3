//! The session's own requests, with gloo-net's headers. The shell sends them as they are, never through the authenticated path (C1).

use gloo_net::http::Headers;
use guestpass_core::wire::{
    GRANT_TYPE_REFRESH, IDEMPOTENCY_KEY, LINK_PATH, LOGIN_BODY, LOGIN_PATH, ME_PATH, MEMBER_LOGIN_PATH, REGISTER_PATH,
    REVOKE_PATH, TOKEN_PATH,
};
use guestpass_core::{Request, Secret, Upgrade};
use js_sys::encode_uri_component;

/// A `POST` of the session; to erase, a `DELETE`.
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
    let authorize = |access_token: &Secret| headers.set("Authorization", &["Bearer ", access_token.expose()].concat());
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
        Request::Upgrade { upgrade, access_token, body } => {
            content_type = "application/json";
            authorize(access_token);
            let (kind, path) = match upgrade {
                Upgrade::Register => ("register", REGISTER_PATH),
                Upgrade::Login => ("login", MEMBER_LOGIN_PATH),
                Upgrade::Link => ("link", LINK_PATH),
            };
            (kind, path, String::from(body.expose()))
        }
        Request::Erase { access_token } => {
            authorize(access_token);
            ("erase", ME_PATH, String::new())
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
