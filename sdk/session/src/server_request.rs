//! The requests of the session's own: token requests, and those that change who the visitor is. They never take the
//! authenticated path of a caller's request (C1).

use guestpass_core::wire::{GRANT_TYPE_REFRESH, IDEMPOTENCY_KEY, LOGIN_PATH, REVOKE_PATH, TOKEN_PATH};
use guestpass_core::{Input, Op, Request, Upgrade};
use js_sys::{JsString, Promise};
use serde::Serialize;
use serde_wasm_bindgen::preserve;
use wasm_bindgen::prelude::*;
use web_sys::{AbortController, AbortSignal};

use crate::call::{AUTHORIZATION, Headers, bearer};
use crate::js;
use crate::manager::Manager;
use crate::reaction::Reaction;
use crate::record::to_js;
use crate::server_response::Head;

#[wasm_bindgen]
extern "C" {
    type UrlSearchParams;
    #[wasm_bindgen(constructor, js_class = "URLSearchParams")]
    fn new() -> UrlSearchParams;
    #[wasm_bindgen(method)]
    fn append(this: &UrlSearchParams, name: &str, value: &JsString);
}

/// What `fetch` is given besides the URL.
#[derive(Serialize)]
struct Init {
    method: &'static str,
    #[serde(with = "preserve")]
    headers: JsValue,
    #[serde(with = "preserve")]
    body: JsValue,
    cache: &'static str,
    credentials: &'static str,
    /// A token endpoint does not move; a captive portal redirects. `error` would say so, but workerd does not know it.
    redirect: &'static str,
    /// A visitor who has signed out may leave the page at once.
    keepalive: bool,
    #[serde(with = "preserve")]
    signal: AbortSignal,
}

/// The requests that are under way.
#[derive(Default)]
pub(crate) struct InFlight(Vec<(Op, AbortController)>);

impl InFlight {
    /// Takes a request out; `None` where it has ended.
    fn take(&mut self, op: Op) -> Option<AbortController> {
        let index = self.0.iter().position(|(sent, _)| *sent == op)?;
        Some(self.0.swap_remove(index).1)
    }
}

impl Manager {
    /// Sends a URL and an init rather than gloo-net's `Request`: a `fetch` that an app has replaced by that of a library
    /// takes no `Request` of another realm.
    pub(crate) fn send(&self, op: Op, request: &Request) {
        let Ok((controller, sent)) = self.try_send(request) else { return self.feed(Input::SendFailed { op }) };
        self.in_flight.borrow_mut().0.push((op, controller));
        let answered = js::then(&sent, Some(self.callback(Reaction::ResponseArrived(op))), None);
        let _ = js::then(&answered, None, Some(self.callback(Reaction::SendFailed(op))));
    }

    pub(crate) fn cancel(&self, op: Op) {
        let controller = self.in_flight.borrow_mut().take(op);
        if let Some(controller) = controller {
            controller.abort();
        }
    }

    fn try_send(&self, request: &Request) -> Result<(AbortController, Promise), JsValue> {
        let controller = AbortController::new()?;
        let headers = Headers::new(&JsValue::UNDEFINED)?;
        let (method, path, body) = self.describe(request, &headers);
        let init = Init {
            method,
            headers: headers.into(),
            body,
            cache: "no-store",
            credentials: "omit",
            redirect: "manual",
            keepalive: matches!(request, Request::Revoke { .. }),
            signal: controller.signal(),
        };
        let sent = js::fetch(&self.origins.base_url.concat(&path.into()), &to_js(&init));
        Ok((controller, sent.unwrap_or_else(|error| Promise::reject(&error))))
    }

    /// The method, the path and the body of a request, whose headers it adds.
    fn describe(&self, request: &Request, headers: &Headers) -> (&'static str, &'static str, JsValue) {
        let text = |handle| self.handles.text(handle);
        let authorize = |token| AUTHORIZATION.with(|name| headers.set(name, &bearer(&text(token))));
        let announce_json = || headers.set(&"Content-Type".into(), &"application/json".into());
        match *request {
            Request::Acquire { key } => {
                announce_json();
                headers.set(&IDEMPOTENCY_KEY.into(), &text(key));
                ("POST", LOGIN_PATH, r#"{"refresh":true}"#.into())
            }
            Request::Refresh { refresh_token } => {
                let form = UrlSearchParams::new();
                form.append("grant_type", &GRANT_TYPE_REFRESH.into());
                form.append("refresh_token", &text(refresh_token));
                ("POST", TOKEN_PATH, form.into())
            }
            Request::Revoke { token } => {
                let form = UrlSearchParams::new();
                form.append("token", &text(token));
                ("POST", REVOKE_PATH, form.into())
            }
            Request::Erase { access_token } => {
                authorize(access_token);
                ("DELETE", "/me", JsValue::UNDEFINED)
            }
            Request::Upgrade { upgrade, access_token, body } => {
                announce_json();
                authorize(access_token);
                let path = match upgrade {
                    Upgrade::Register => "/register",
                    Upgrade::Login => "/login",
                    Upgrade::Link => "/link",
                };
                ("POST", path, text(body).into())
            }
        }
    }

    /// Answers with the promise of what follows, so that a body that is cut short is a request that failed.
    pub(crate) fn response_arrived(&self, op: Op, response: &JsValue) -> JsValue {
        let response: &web_sys::Response = response.unchecked_ref();
        let Some(head) = Head::read(response) else { return Promise::reject(&JsValue::UNDEFINED).into() };
        // As gloo-net's `text`, without copying what holds tokens.
        match response.text() {
            Ok(text) => js::then(&text, Some(self.callback(Reaction::BodyArrived(op, head))), None).into(),
            Err(error) => Promise::reject(&error).into(),
        }
    }

    pub(crate) fn request_ended(&self, op: Op) {
        self.in_flight.borrow_mut().take(op);
    }
}
