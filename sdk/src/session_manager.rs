use std::time::Duration;

use guestpass_session::{AccountRequestKind, AfterSignOut, Session, SessionEvent, Snapshot, TokenOptions};
use js_sys::{JsString, Promise, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, RequestInit, Response};

use crate::options::{ManagerOptions, OnChange};

/// Runs one session: acquires, stores, attaches and refreshes its tokens.
///
/// `close` frees its listeners, timers and locks. `free`, or the garbage collector of JavaScript, frees its memory.
#[wasm_bindgen]
#[derive(Debug)]
pub struct SessionManager(Session);

#[wasm_bindgen]
impl SessionManager {
    /// Creates a session that does nothing until its first use.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &ManagerOptions, on_change: OnChange) -> Self {
        let on_change = move |snapshot: Option<&Snapshot>, event: Option<&SessionEvent>| {
            let (snapshot, event) = (snapshot.map(JsValue::from), event.map(JsValue::from));
            // An exception of the listener does not affect the session.
            let _ = on_change.call2(&JsValue::UNDEFINED, &snapshot.unwrap_or_default(), &event.unwrap_or_default());
        };
        Self(Session::new(options.read().on_change(on_change)))
    }

    /// Sends a request like `fetch`. Rejects like `fetch` when the caller's own request failed or was aborted.
    #[wasm_bindgen(unchecked_return_type = "Promise<Response>")]
    pub fn fetch(
        &self,
        #[wasm_bindgen(unchecked_param_type = "RequestInfo | URL")] input: JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "RequestInit")] init: &JsValue,
    ) -> Promise<Response> {
        self.0.fetch_with(input, init.unchecked_ref::<RequestInit>())
    }

    /// An access token that can be used now. `timeout`: in milliseconds; without it, the timeout of the options.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn token(&self, signal: Option<AbortSignal>, timeout: Option<f64>) -> Promise<JsString> {
        self.0.token_with(TokenOptions { signal, timeout: timeout.map(milliseconds) })
    }

    /// Reads the stored session. `reset`: allow a new guest after a permanent sign-out, too.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn start(&self, reset: bool) -> Promise {
        if reset { self.0.start_reset() } else { self.0.start() }
    }

    /// Signs out the visitor. `permanent`: no guest follows until `start` or an upgrade.
    #[wasm_bindgen(js_name = signOut, unchecked_return_type = "Promise<void>")]
    pub fn sign_out(&self, permanent: bool) -> Promise {
        self.0.sign_out(if permanent { AfterSignOut::None } else { AfterSignOut::Guest })
    }

    /// Sends a request with the refresh token. Resolves with the JSON of the response, without tokens; with undefined if it has
    /// no body.
    #[wasm_bindgen(js_name = accountRequest, unchecked_return_type = "Promise<unknown>")]
    pub fn account_request(
        &self,
        #[wasm_bindgen(unchecked_param_type = "AccountRequest")] request: JsValue,
    ) -> Promise {
        let kind = Reflect::get(&request, &"kind".into()).unwrap_or_default();
        let kind = if kind == "upgrade" {
            AccountRequestKind::Upgrade
        } else if kind == "erase" {
            AccountRequestKind::Erase
        } else {
            AccountRequestKind::Other
        };
        self.0.account_request_of(kind, request)
    }

    /// Treats the access token as expired.
    pub fn expire(&self) {
        self.0.expire();
    }

    /// Frees listeners, timers and locks, and rejects the calls that wait. Idempotent.
    pub fn close(&self) {
        self.0.close();
    }
}

/// Whole milliseconds of a JavaScript number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates, as intended")]
pub(crate) fn milliseconds(number: f64) -> Duration {
    Duration::from_millis(number as u64)
}
