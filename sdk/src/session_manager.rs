use guestpass_session::{Event, Session, Snapshot, Upgrade};
use js_sys::{JsString, Object, Promise};
use serde::Serialize;
use serde_wasm_bindgen::Serializer;
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, Response};

use crate::options::{ManagerOptions, OnChange};

/// Runs one session: acquires, stores, attaches and refreshes its tokens.
///
/// What it takes is given back by `close`, and its memory by `free`, or when JavaScript has collected it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct SessionManager(Session);

#[wasm_bindgen]
impl SessionManager {
    /// A session that does nothing yet.
    #[wasm_bindgen(constructor)]
    pub fn new(options: &ManagerOptions, on_change: OnChange) -> Self {
        let notify = move |snapshot: Option<&Snapshot>, event: Option<&Event>| {
            // What the listener throws does not concern the session.
            let _ = on_change.call2(&JsValue::UNDEFINED, &to_js(snapshot), &to_js(event));
        };
        Self(Session::new(options.read(Box::new(notify))))
    }

    /// A drop-in for `fetch`. Rejects with what `fetch` rejects with when the caller's own request failed or was aborted.
    #[wasm_bindgen(unchecked_return_type = "Promise<Response>")]
    pub fn fetch(
        &self,
        #[wasm_bindgen(unchecked_param_type = "RequestInfo | URL")] input: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "RequestInit")] init: &JsValue,
    ) -> Promise<Response> {
        self.0.fetch(input, init)
    }

    /// An access token that can be used now. `timeout` in milliseconds; that of the options where there is none.
    #[wasm_bindgen(unchecked_return_type = "Promise<string>")]
    pub fn token(&self, signal: Option<AbortSignal>, timeout: Option<f64>) -> Promise<JsString> {
        self.0.token(signal.as_ref(), timeout)
    }

    /// Reads what the browser has stored. `reset`: allow a guest again after a permanent sign-out.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn start(&self, reset: bool) -> Promise {
        self.0.start(reset)
    }

    /// `permanent`: no guest follows until `start` or `upgrade`.
    #[wasm_bindgen(js_name = signOut, unchecked_return_type = "Promise<void>")]
    pub fn sign_out(&self, permanent: bool) -> Promise {
        self.0.sign_out(permanent)
    }

    /// Makes a member of the guest. `body` is what the endpoint is sent.
    #[wasm_bindgen(unchecked_return_type = "Promise<Membership>")]
    pub fn upgrade(
        &self,
        upgrade: UpgradeKind,
        #[wasm_bindgen(unchecked_param_type = "object")] body: &JsValue,
    ) -> Promise<Object> {
        let upgrade = match upgrade {
            UpgradeKind::Login => Upgrade::Login,
            UpgradeKind::Link => Upgrade::Link,
            _ => Upgrade::Register,
        };
        self.0.upgrade(upgrade, body)
    }

    /// Has the server erase the visitor.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn erase(&self) -> Promise {
        self.0.erase()
    }

    /// Treats the access token as expired.
    pub fn expire(&self) {
        self.0.expire();
    }

    /// Gives back listeners, timers and locks, and rejects what waits. Idempotent.
    pub fn close(&self) {
        self.0.close();
    }
}

/// The ways to become a member, by the names of their endpoints.
#[wasm_bindgen]
#[derive(Clone, Copy, Debug)]
pub enum UpgradeKind {
    /// The guest becomes a member.
    Register = "register",
    /// The guest is merged into an account.
    Login = "login",
    /// One or the other, by an ID token.
    Link = "link",
}

/// As JavaScript has it: what is missing is null, and undefined where there is nothing at all.
pub(crate) fn to_js<T: Serialize>(value: Option<&T>) -> JsValue {
    const SERIALIZER: Serializer = Serializer::new().serialize_missing_as_null(true);
    value.and_then(|value| value.serialize(&SERIALIZER).ok()).unwrap_or_default()
}
