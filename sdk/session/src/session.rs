//! A session of a visitor: the API for Rust.

use std::rc::Rc;

use guestpass_core::wire::{LINK_PATH, LOGIN_PATH, ME_PATH, REGISTER_PATH};
use guestpass_core::{AccountRequestKind, Input};
use js_sys::{JSON, JsString, Object, Promise};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::{RequestInit, Response};

use crate::js::{set, to_js};
use crate::options::{Options, RequestOptions, TokenOptions};
use crate::session_event::SessionEvent;
use crate::session_manager::SessionManager;
use crate::snapshot::Snapshot;
use crate::subscription::Subscription;

/// A session of a visitor. Create one for the whole page; clones are the same session. A session is not `Send`.
///
/// A session does nothing until its first use. Its methods return JavaScript promises, which Rust can await. An operation
/// starts when its method is called, not when the promise is awaited. A promise rejects with an error that has a
/// [`code`](crate::ErrorCode), with the reason of the caller's own abort signal, or with the rejection of `fetch`: `?` converts
/// each of them into an [`Error`](crate::Error).
///
/// When the last clone is dropped and no operation is under way, the session frees its listeners, timers, locks and memory.
/// The stored session stays.
#[derive(Clone)]
pub struct Session(Rc<SessionManager>);

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
    /// Creates a session. If the base URL is not a URL, its calls reject like those of `fetch`.
    pub fn new(options: Options) -> Self {
        Self(SessionManager::new(options))
    }

    /// Sends a request like `fetch`: attaches the token where the origin is allowed, and on a 401 about the token refreshes it and
    /// sends the request once more.
    ///
    /// `input` is a URL, as a text or a `web_sys::Url`, or a `web_sys::Request`. A relative URL is relative to the base URL,
    /// as if that ended in a slash. A `Request` has an absolute URL already: the browser has resolved it against the page.
    pub fn fetch(&self, input: impl Into<JsValue>) -> Promise<Response> {
        self.send(&input.into(), &JsValue::UNDEFINED)
    }

    /// Like [`fetch`](Self::fetch), with the method, headers, body or other options of `init`. Both arguments are read before
    /// this returns.
    pub fn fetch_with(&self, input: impl Into<JsValue>, init: &RequestInit) -> Promise<Response> {
        self.send(&input.into(), init)
    }

    /// Like [`fetch_with`](Self::fetch_with), with options of the session for this request.
    pub fn fetch_with_options(
        &self,
        input: impl Into<JsValue>,
        init: &RequestInit,
        options: &RequestOptions,
    ) -> Promise<Response> {
        let copy = Object::assign(&Object::new(), init.unchecked_ref());
        set(&copy, "guestpass", options.clone());
        self.send(&input.into(), &copy)
    }

    fn send(&self, input: &JsValue, init: &JsValue) -> Promise<Response> {
        let sent = self.0.fetch(input, init).unwrap_or_else(|error| Promise::reject(&error));
        sent.unchecked_into()
    }

    /// An access token that can be used now.
    pub fn token(&self) -> Promise<JsString> {
        self.token_with(TokenOptions::default())
    }

    /// Like [`token`](Self::token), with an abort signal or a timeout.
    pub fn token_with(&self, options: TokenOptions) -> Promise<JsString> {
        self.0.token(options).unchecked_into()
    }

    /// Reads the stored session, without a request to the server. After the server has ended the session: allows a new guest.
    pub fn start(&self) -> Promise {
        self.0.start(false)
    }

    /// Like [`start`](Self::start), and also allows a new guest after a permanent sign-out ([`AfterSignOut::None`]).
    pub fn start_reset(&self) -> Promise {
        self.0.start(true)
    }

    /// Signs out the visitor in every tab, and revokes the session at the server. Resolves when the sign-out is stored in this
    /// browser.
    pub fn sign_out(&self, after: AfterSignOut) -> Promise {
        self.0.sign_out(after == AfterSignOut::None)
    }

    /// Makes the guest a member. Where there is no guest, one is made first. `body` is the JSON body of the request to the
    /// server, as an object. Resolves with the response of the server, without its tokens.
    pub fn upgrade(&self, upgrade: Upgrade, body: &JsValue) -> Promise<Object> {
        let path = match upgrade {
            Upgrade::Register => REGISTER_PATH,
            Upgrade::Login => LOGIN_PATH,
            Upgrade::Link => LINK_PATH,
        };
        match JSON::stringify(body) {
            Ok(body) => {
                let request = AccountRequest { method: "POST", path, body: Some(body.into()) };
                self.account_request(AccountRequestKind::Upgrade, &request).unchecked_into()
            }
            Err(error) => Promise::reject(&error).unchecked_into(),
        }
    }

    /// Erases the visitor and all of the visitor's data at the server; then like [`sign_out`](Self::sign_out) with
    /// [`AfterSignOut::Guest`].
    pub fn erase(&self) -> Promise {
        self.account_request(AccountRequestKind::Erase, &AccountRequest { method: "DELETE", path: ME_PATH, body: None })
    }

    /// All data of the visitor at the server: the response of `GET /me/export`.
    pub fn export(&self) -> Promise<Object> {
        let request = AccountRequest { method: "GET", path: "/me/export", body: None };
        self.account_request(AccountRequestKind::Other, &request).unchecked_into()
    }

    /// Sends a request that needs the refresh token, which [`fetch`](Self::fetch) never attaches. Resolves with the JSON of the
    /// response, without tokens; with undefined if it has no body.
    pub fn account_request(&self, kind: AccountRequestKind, request: &AccountRequest) -> Promise {
        self.account_request_of(kind, to_js(request))
    }

    /// The same, with an object that has the members of an [`AccountRequest`]: for the bindings to JavaScript.
    #[doc(hidden)]
    pub fn account_request_of(&self, kind: AccountRequestKind, request: JsValue) -> Promise {
        self.0.account_request(kind, request)
    }

    /// Treats the access token as expired; the next use refreshes it. For tests and developer tools.
    pub fn expire(&self) {
        self.0.feed(Input::Expire);
    }

    /// Frees every timer, listener and lock; calls that wait reject with [`ErrorCode::Closed`](crate::ErrorCode::Closed). The
    /// stored session stays. A closed session stays closed.
    pub fn close(&self) {
        self.0.feed(Input::Close);
    }

    /// The state of the session now.
    pub fn snapshot(&self) -> Snapshot {
        self.0.snapshot()
    }

    /// Calls `listener` after each change, like [`Options::on_change`], until the [`Subscription`] is dropped. For parts of an
    /// app that are shorter-lived than the session, such as a component.
    pub fn subscribe(&self, listener: impl Fn(Option<&Snapshot>, Option<&SessionEvent>) + 'static) -> Subscription {
        self.0.subscribe(Rc::new(listener))
    }
}

/// An account request.
#[derive(Clone, Debug, Serialize)]
pub struct AccountRequest<'a> {
    /// The HTTP method, in upper case.
    pub method: &'a str,
    /// Relative to the base URL, with a slash at the beginning.
    pub path: &'a str,
    /// JSON.
    pub body: Option<String>,
}

/// The ways to become a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Upgrade {
    /// The guest becomes a member.
    Register,
    /// The guest is merged into an account.
    Login,
    /// One or the other, with an identity of an OpenID Connect issuer.
    Link,
}

/// What follows a sign-out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AfterSignOut {
    /// The next use of the session acquires a new guest.
    #[default]
    Guest,
    /// No guest follows, in any tab, until [`Session::start_reset`] or [`Session::upgrade`]: the sign-out is permanent.
    None,
}
