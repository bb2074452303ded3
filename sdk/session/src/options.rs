//! The options of a session and of its calls.

use core::time::Duration;

use guestpass_core::OnIdentityLost;
use js_sys::{Array, Function, JsString, Object};
use serde::Serialize;
use wasm_bindgen::prelude::*;
use web_sys::AbortSignal;

use crate::error::CallError;
use crate::js::set;
use crate::session_event::SessionEvent;
use crate::snapshot::Snapshot;
use crate::subscription::OnChange;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) type OnStep = Box<dyn Fn(&str)>;

/// Makes the JavaScript value that a call rejects with.
pub(crate) type ToError = Box<dyn Fn(CallError) -> JsValue>;

/// The options of a [`Session`](crate::Session).
///
/// ```no_run
/// use core::time::Duration;
///
/// use guestpass_session::{Options, Session, StorageKind};
///
/// let options = Options::new("https://api.shop.example").storage(StorageKind::Session).timeout(Duration::from_secs(10));
/// let session = Session::new(options);
/// ```
pub struct Options {
    // `None` means the default. A program that sets an option does not contain the code of its default.
    pub(crate) base_url: JsString,
    pub(crate) name: Option<JsString>,
    pub(crate) allowed_origins: Array,
    pub(crate) storage: StorageKind,
    pub(crate) on_identity_lost: OnIdentityLost,
    pub(crate) timeout: Duration,
    /// Functions and an object of [`RequestOptions`], or undefined.
    pub(crate) fetch: JsValue,
    pub(crate) headers: JsValue,
    pub(crate) requests: JsValue,
    pub(crate) on_change: Option<Box<OnChange>>,
    pub(crate) on_step: Option<OnStep>,
    pub(crate) to_error: Option<ToError>,
    pub(crate) solver: Option<Function>,
}

impl Options {
    /// The default options for the Guestpass endpoints below `base_url`, an absolute http or https URL. Relative URLs of
    /// requests are relative to it.
    pub fn new(base_url: impl Into<JsString>) -> Self {
        Self {
            base_url: base_url.into(),
            name: None,
            allowed_origins: Array::new(),
            storage: StorageKind::Local,
            on_identity_lost: OnIdentityLost::Reacquire,
            timeout: DEFAULT_TIMEOUT,
            fetch: JsValue::UNDEFINED,
            headers: JsValue::UNDEFINED,
            requests: JsValue::UNDEFINED,
            on_change: None,
            on_step: None,
            to_error: None,
            solver: None,
        }
    }

    /// The name of the session. Sessions with different names or different base URLs are independent of each other.
    /// Default: `default`.
    pub fn name(mut self, name: impl Into<JsString>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Adds an origin (scheme, host and port) whose requests carry the token, such as `https://images.shop.example`. Requests
    /// to the origin of the base URL always carry it.
    pub fn allowed_origin(self, origin: impl Into<JsString>) -> Self {
        self.allowed_origins.push(&origin.into());
        self
    }

    /// Where the session is stored. Default: [`StorageKind::Local`].
    pub fn storage(mut self, storage: StorageKind) -> Self {
        self.storage = storage;
        self
    }

    /// What the session does when the server has ended it. Default: [`OnIdentityLost::Reacquire`].
    pub fn on_identity_lost(mut self, policy: OnIdentityLost) -> Self {
        self.on_identity_lost = policy;
        self
    }

    /// How long a call waits for a token. Each request of the session itself has two thirds of it to respond, at least ten seconds.
    /// Whole milliseconds count. Default: 30 seconds.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// A function with the signature of `fetch` that sends every request of the session: its own requests, and those of
    /// [`Session::fetch`](crate::Session::fetch). Default: the global `fetch`, looked up at each use.
    pub fn fetch(mut self, fetch: Function) -> Self {
        self.fetch = fetch.into();
        self
    }

    /// A function that returns further headers of the session's own requests (login, refresh, revocation, account requests):
    /// the init of a `Headers`, or a promise of it. It is called without arguments for each request. If it throws or rejects,
    /// the attempt fails like one without a network. `Authorization`, `Content-Type`, `Idempotency-Key` and `Proof-Of-Work` in
    /// its result are ignored. The requests of [`Session::fetch`](crate::Session::fetch) do not get these headers. Default:
    /// no further headers.
    ///
    /// ```no_run
    /// use guestpass_session::Options;
    /// use wasm_bindgen::JsCast;
    /// use wasm_bindgen::closure::Closure;
    /// use web_sys::Headers;
    ///
    /// let headers = Closure::<dyn Fn() -> Headers>::new(|| {
    ///     let headers = Headers::new().unwrap_throw();
    ///     headers.set("X-Tenant", "shop").unwrap_throw();
    ///     headers
    /// });
    /// let options = Options::new("https://api.shop.example").headers(headers.into_js_value().unchecked_into());
    /// # use wasm_bindgen::UnwrapThrowExt;
    /// ```
    pub fn headers(mut self, headers: Function) -> Self {
        self.headers = headers.into();
        self
    }

    /// The defaults of the requests of [`Session::fetch`](crate::Session::fetch).
    pub fn requests(mut self, options: RequestOptions) -> Self {
        self.requests = options.into();
        self
    }

    /// Calls `listener` after each change: with the snapshot if it has changed, and with an event if there is one. Further
    /// listeners: [`Session::subscribe`](crate::Session::subscribe). Default: no listener.
    ///
    /// `listener` may run during a call of a method of the session, so the app must hold no borrow that the listener needs. It
    /// may call the session, but must not own a clone of it, which would keep both in memory. It must not panic or throw.
    pub fn on_change(mut self, listener: impl Fn(Option<&Snapshot>, Option<&SessionEvent>) + 'static) -> Self {
        self.on_change = Some(Box::new(listener));
        self
    }

    /// Calls `log` with a line of text for each step of the session machine, for bug reports. The lines contain names, numbers
    /// and versions, never a token. `log` must not panic or throw. Default: no log.
    pub fn on_step(mut self, log: impl Fn(&str) + 'static) -> Self {
        self.on_step = Some(Box::new(log));
        self
    }

    /// The JavaScript function that answers the challenge of a server that demands a proof of work or a CAPTCHA before it makes
    /// a guest. Its arguments are the problem of the response with status 428 (RFC 9457), as JSON text, and an `AbortSignal`,
    /// which is aborted when the answer is no longer needed. It returns a promise of the JSON text of an object with the members
    /// `proof` (the value of the header `Proof-Of-Work`) and `captcha` (the token of the CAPTCHA), as far as the server has
    /// asked for them for this guest. If the promise rejects, the calls that wait reject with the same value. The crate
    /// `guestpass-proof` computes a proof of work. Default: no solver, and such a login is rejected.
    pub fn solver(mut self, solve: Function) -> Self {
        self.solver = Some(solve);
        self
    }

    /// The JavaScript class of the errors that calls reject with. Its constructor takes the code, the message, and an object
    /// with the `status` and `reason` of a response that refuses. Default: `Error`, with these as members.
    pub fn error_class(mut self, class: Function) -> Self {
        self.to_error = Some(Box::new(move |error| error.into_instance(&class)));
        self
    }
}

impl core::fmt::Debug for Options {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Options").finish_non_exhaustive()
    }
}

/// The options of one call of [`Session::token_with`](crate::Session::token_with).
#[derive(Clone, Debug, Default)]
pub struct TokenOptions {
    /// Ends the wait when it is aborted: the call rejects with the reason of the signal. A refresh that other calls wait for
    /// goes on.
    pub signal: Option<AbortSignal>,
    /// How long the call waits for a token, instead of the timeout of the session. Whole milliseconds count.
    pub timeout: Option<Duration>,
}

#[wasm_bindgen]
extern "C" {
    /// How a session treats a request: the defaults of [`Options::requests`], or the options of one call of
    /// [`Session::fetch_with_options`](crate::Session::fetch_with_options). A JavaScript object.
    ///
    /// ```no_run
    /// use guestpass_session::RequestOptions;
    ///
    /// let options = RequestOptions::new().replay(false);
    /// ```
    #[derive(Clone, Debug)]
    #[wasm_bindgen(typescript_type = "RequestOptions")]
    pub type RequestOptions;
}

impl RequestOptions {
    /// The default options.
    pub fn new() -> Self {
        Object::new().unchecked_into()
    }

    /// Whether the request gets the token, if its origin is allowed. Default: true.
    pub fn token(self, token: bool) -> Self {
        set(&self, "token", token);
        self
    }

    /// Whether the request may be sent a second time, after a response says that its token is not accepted. Default: true. With
    /// false, the session keeps no copy of the body of a `Request`, and the caller gets the first response.
    pub fn replay(self, replay: bool) -> Self {
        set(&self, "replay", replay);
        self
    }

    /// A function that decides whether a response says that the token is not accepted: it takes the `Response`, and returns a
    /// boolean or a promise of one. It reads the body from a clone. An exception rejects the call.
    ///
    /// Default: the status is 401, and `WWW-Authenticate` is missing, or has a challenge `Bearer` without `error` or with
    /// `error="invalid_token"` (RFC 6750 §3.1).
    pub fn is_unauthorized(self, is_unauthorized: Function) -> Self {
        set(&self, "isUnauthorized", is_unauthorized);
        self
    }
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Where a session is stored.
///
/// Where the storage is blocked, full, missing or does not respond, the session is kept in memory until it works, and an event of
/// type `storage` reports it. Where there is no browser (in Node), every storage but a `CustomStorage` means `memory`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum StorageKind {
    /// localStorage. All tabs share one session, which survives a restart of the browser.
    Local,
    /// sessionStorage. Each tab has its own session, which survives a reload. A browser copies it when a tab is duplicated;
    /// both tabs then use the same session independently of each other, which a server may treat as the theft of a token.
    Session,
    /// IndexedDB. Like `local`, and also available in workers.
    IndexedDb,
    /// Memory. After a reload, the session acquires a new guest.
    Memory,
    /// A storage that the app provides.
    #[serde(skip)]
    Custom(CustomStorage),
}

#[wasm_bindgen]
extern "C" {
    /// A storage that the app provides: a JavaScript object with the methods `get(key)` and `set(key, text)`, which may return
    /// promises, and the optional boolean `shared`: whether all tabs of the browser see the same texts (default: false).
    #[derive(Clone, Debug)]
    #[wasm_bindgen(typescript_type = "CustomStorage")]
    pub type CustomStorage;
    #[wasm_bindgen(method, structural, catch, js_name = get)]
    pub(crate) fn load(this: &CustomStorage, key: &JsString) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch, js_name = set)]
    pub(crate) fn store(this: &CustomStorage, key: &JsString, text: &JsString) -> Result<JsValue, JsValue>;
}
