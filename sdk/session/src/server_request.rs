//! The requests of the session itself, and the answers to the challenges of the server. The requests never take the path of a caller's request,
//! which attaches the token (C1).

use guestpass_core::wire::{
    ANONYMOUS_LOGIN_PATH, GRANT_TYPE_REFRESH, IDEMPOTENCY_KEY, PROOF_OF_WORK, REVOKE_PATH, TOKEN_PATH,
};
use guestpass_core::{Handle, Input, Op, Request};
use js_sys::{JsString, Object, Promise};
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

use crate::callbacks::Callback;
use crate::fetch_call::{AUTHORIZATION, Headers, bearer};
use crate::js::{self, get, parse_object, set, stringify};
use crate::server_response::Head;
use crate::session_manager::SessionManager;

#[wasm_bindgen]
extern "C" {
    type UrlSearchParams;
    #[wasm_bindgen(constructor, js_class = "URLSearchParams")]
    fn new() -> UrlSearchParams;
    #[wasm_bindgen(method)]
    fn append(this: &UrlSearchParams, name: &str, value: &JsString);
}

/// The headers that the session sets, and the further headers of the options cannot set.
const OWN_HEADERS: [&str; 4] = [AUTHORIZATION, "Content-Type", IDEMPOTENCY_KEY, PROOF_OF_WORK];

/// The requests in flight.
#[derive(Default)]
pub(crate) struct InFlight(Vec<(Op, AbortController)>);

impl InFlight {
    fn contains(&self, op: Op) -> bool {
        self.0.iter().any(|(sent, _)| *sent == op)
    }

    /// Removes a request; `None` if it has ended.
    fn take(&mut self, op: Op) -> Option<AbortController> {
        let index = self.0.iter().position(|(sent, _)| *sent == op)?;
        Some(self.0.swap_remove(index).1)
    }
}

/// A request that waits for the further headers of the options.
pub(crate) struct ServerRequest {
    url: JsValue,
    init: JsValue,
}

impl SessionManager {
    /// Passes a URL and an init to `fetch` instead of gloo-net's `Request`: an app may have replaced `fetch` by the function of
    /// a library, which rejects a `Request` of another realm.
    pub(crate) fn send(&self, op: Op, request: &Request) {
        let Ok((controller, request)) = self.prepare(request) else { return self.feed(Input::SendFailed { op }) };
        self.in_flight.borrow_mut().0.push((op, controller));
        let sent = if self.headers.is_undefined() {
            // An early login returns the response to the same request, which it has sent, and passes other requests on.
            let early = get(&self.early_login(), "fetch");
            let fetch = if self.fetch.is_undefined() { &early } else { &self.fetch };
            js::fetch(fetch, &request.url, &request.init)
        } else {
            js::call_own(&self.headers, &JsValue::UNDEFINED, &JsValue::UNDEFINED)
                .map(|headers| js::then(&headers, Some(self.js_function(Callback::HeadersArrived(op, request))), None))
        };
        let sent = sent.unwrap_or_else(|error| Promise::reject(&error));
        let responded = js::then(&sent, Some(self.js_function(Callback::ResponseArrived(op))), None);
        let _ = js::then(&responded, None, Some(self.js_function(Callback::SendFailed(op))));
    }

    pub(crate) fn cancel(&self, op: Op) {
        let controller = self.in_flight.borrow_mut().take(op);
        match controller {
            Some(controller) => controller.abort(),
            // Of a load or store.
            None => self.storage.forget_operation(),
        }
    }

    /// Sends a request with the further headers of the options.
    pub(crate) fn headers_arrived(&self, op: Op, request: &ServerRequest, further: &JsValue) -> JsValue {
        let sent = Headers::new(further).and_then(|further| {
            let own: Headers = get(&request.init, "headers").unchecked_into();
            for name in OWN_HEADERS {
                match own.get(name) {
                    Some(value) => further.set(name, &value),
                    None => further.delete(name),
                }
            }
            set(&request.init, "headers", further);
            if !self.in_flight.borrow().contains(op) {
                // It was cancelled meanwhile. A `fetch` of the app may ignore its signal.
                return Err(JsValue::UNDEFINED);
            }
            js::fetch(&self.fetch, &request.url, &request.init)
        });
        sent.unwrap_or_else(|error| Promise::reject(&error)).into()
    }

    fn prepare(&self, request: &Request) -> Result<(AbortController, ServerRequest), JsValue> {
        let controller = AbortController::new()?;
        let headers = Headers::new(&JsValue::UNDEFINED)?;
        let (method, path, body) = self.describe(request, &headers);
        let init = Object::new();
        set(&init, "method", method);
        set(&init, "headers", headers);
        set(&init, "body", body);
        set(&init, "cache", "no-store");
        set(&init, "credentials", "omit");
        // Token endpoints do not redirect; captive portals do. `error` would reject those responses, but workerd lacks it.
        set(&init, "redirect", "manual");
        // A visitor may leave the page directly after a sign-out.
        set(&init, "keepalive", matches!(request, Request::Revoke { .. }));
        set(&init, "signal", get(&controller, "signal"));
        let url = self.origins.base_url.concat(&path).into();
        Ok((controller, ServerRequest { url, init: init.into() }))
    }

    /// Returns the method, path and body of a request, and adds its headers.
    fn describe(&self, request: &Request, headers: &Headers) -> (JsValue, JsString, JsValue) {
        let text = |handle| self.handles.text(handle);
        let set_json = |key: Option<Handle>| {
            headers.set("Content-Type", &"application/json".into());
            if let Some(key) = key {
                headers.set(IDEMPOTENCY_KEY, &text(key));
            }
        };
        let post = |path: &str, body: JsValue| ("POST".into(), path.into(), body);
        match *request {
            Request::Acquire { key, answer } => {
                set_json(Some(key));
                let body = Object::new();
                set(&body, "refresh", true);
                if let Some(answer) = answer.and_then(|answer| parse_object(&text(answer))) {
                    if let Ok(proof) = get(&answer, "proof").dyn_into() {
                        headers.set(PROOF_OF_WORK, &proof);
                    }
                    set(&body, "captcha", get(&answer, "captcha"));
                }
                post(ANONYMOUS_LOGIN_PATH, stringify(&body, &JsValue::UNDEFINED).into())
            }
            Request::Refresh { refresh_token } => {
                let form = UrlSearchParams::new();
                form.append("grant_type", &GRANT_TYPE_REFRESH.into());
                form.append("refresh_token", &text(refresh_token));
                post(TOKEN_PATH, form.into())
            }
            Request::Revoke { token } => {
                let form = UrlSearchParams::new();
                form.append("token", &text(token));
                post(REVOKE_PATH, form.into())
            }
            Request::Account { waiter, refresh_token, key } => {
                headers.set(AUTHORIZATION, &bearer(&text(refresh_token)));
                let call = self.waiters.account_call(waiter);
                let body = get(&call, "body");
                if body.is_string() {
                    set_json(key);
                }
                (get(&call, "method"), get(&call, "path").unchecked_into(), body)
            }
        }
    }

    pub(crate) fn solve(&self, op: Op, problem: Handle) {
        self.unsolved.take();
        let Ok((controller, solved)) = self.try_solve(problem) else { return self.feed(Input::SolveFailed { op }) };
        self.in_flight.borrow_mut().0.push((op, controller));
        let callback = |callback| Some(self.js_function(callback));
        let _ = js::then(&solved, callback(Callback::Solved(op)), callback(Callback::SolveFailed(op)));
    }

    fn try_solve(&self, problem: Handle) -> Result<(AbortController, Promise), JsValue> {
        let controller = AbortController::new()?;
        let solver = self.solver.as_ref().ok_or(JsValue::UNDEFINED)?;
        let solved = solver.call2(&JsValue::UNDEFINED, &self.handles.text(problem), &get(&controller, "signal"))?;
        Ok((controller, Promise::resolve(&solved)))
    }

    pub(crate) fn solved(&self, op: Op, answer: &JsValue) -> Input {
        self.request_ended(op);
        match self.handles.handle(answer.clone()) {
            Some(answer) => Input::Solved { op, answer },
            None => Input::SolveFailed { op },
        }
    }

    pub(crate) fn solve_failed(&self, op: Op, reason: &JsValue) -> Input {
        // A solver that was cancelled rejects, too.
        if self.in_flight.borrow_mut().take(op).is_some() {
            self.unsolved.replace(reason.clone());
        }
        Input::SolveFailed { op }
    }

    /// Returns the promise of the body, so that a body that ends early counts as a failed request.
    pub(crate) fn response_arrived(&self, op: Op, response: &JsValue) -> JsValue {
        let response: &web_sys::Response = response.unchecked_ref();
        let Some(head) = Head::read(response) else { return Promise::reject(&JsValue::UNDEFINED).into() };
        // Like gloo-net's `text`, without a copy of the body, which contains tokens.
        match response.text() {
            Ok(text) => js::then(&text, Some(self.js_function(Callback::BodyArrived(op, head))), None).into(),
            Err(error) => Promise::reject(&error).into(),
        }
    }

    pub(crate) fn request_ended(&self, op: Op) {
        self.in_flight.borrow_mut().take(op);
    }
}
