//! A visitor's session, as Rust holds it.

use std::rc::Rc;

use guestpass_core::{Input, Upgrade};
use js_sys::{JSON, JsString, Object, Promise};
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, Response};

use crate::change::Snapshot;
use crate::manager::Manager;
use crate::options::Options;

/// A visitor's session: one for the whole page. Clones are the same session.
///
/// Nothing happens until its first use. Its methods answer with promises, which Rust can await and JavaScript takes as they
/// are; what they ask for begins at the call, not when the promise is awaited. They reject with an error that has a
/// [`code`](crate::ErrorCode), with the reason of the caller's own abort, or with what `fetch` rejects with: all of them
/// become an [`Error`](crate::Error) by `?`.
///
/// When the last clone is dropped and nothing is under way, the session gives back its listeners, timers, locks and memory.
/// What it has stored stays.
#[derive(Clone)]
pub struct Session(Rc<Manager>);

/// Whether both are the same session.
impl PartialEq for Session {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Session {}

impl core::fmt::Debug for Session {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Session")
    }
}

impl Session {
    /// A session that does nothing yet. With a base URL that is none, its calls reject as `fetch` does.
    pub fn new(options: Options) -> Self {
        Self(Manager::new(options))
    }

    /// A drop-in for `fetch`: attaches the token where the origin is allowed, and on a 401 renews it and replays once.
    ///
    /// `input` and `init` are what `fetch` takes. A relative URL is relative to the base URL, as if that ended in a slash.
    /// Both are read before this returns.
    pub fn fetch(&self, input: &JsValue, init: &JsValue) -> Promise<Response> {
        let sent = self.0.fetch(input, init).unwrap_or_else(|error| Promise::reject(&error));
        sent.unchecked_into()
    }

    /// An access token that can be used now. `timeout` in milliseconds; the session's own where there is none.
    pub fn token(&self, signal: Option<&AbortSignal>, timeout: Option<f64>) -> Promise<JsString> {
        self.0.token(signal, timeout).unchecked_into()
    }

    /// Reads what the browser has stored, without a request to the server. After an ended session: allows a fresh guest.
    /// `reset`: after a permanent sign-out, too.
    pub fn start(&self, reset: bool) -> Promise {
        self.0.start(reset)
    }

    /// Forgets the session in every tab and revokes it at the server. Resolves once this browser has forgotten it.
    /// `permanent`: no guest follows, in any tab, until [`start`](Self::start) or [`upgrade`](Self::upgrade).
    pub fn sign_out(&self, permanent: bool) -> Promise {
        self.0.sign_out(permanent)
    }

    /// Makes a member of the guest. `body` is what the endpoint is sent, as JSON. Resolves with what the server answered.
    pub fn upgrade(&self, upgrade: Upgrade, body: &JsValue) -> Promise<Object> {
        match JSON::stringify(body) {
            Ok(text) => self.0.upgrade(upgrade, text).unchecked_into(),
            Err(error) => Promise::reject(&error).unchecked_into(),
        }
    }

    /// Has the server erase the visitor with everything that belongs to them; then as [`sign_out`](Self::sign_out).
    pub fn erase(&self) -> Promise {
        self.0.erase()
    }

    /// Treats the access token as expired; the next use refreshes it.
    pub fn expire(&self) {
        self.0.feed(Input::Expire);
    }

    /// Gives back every timer, listener and lock; what waits is rejected with `closed`. The stored session stays.
    pub fn close(&self) {
        self.0.feed(Input::Close);
    }

    /// What the session looks like now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }
}
