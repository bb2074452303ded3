//! The options of a session.

use guestpass_core::OnIdentityLost;
use js_sys::{Array, Function, JsString};
use serde::Serialize;
use wasm_bindgen::prelude::*;

use crate::change::{Event, Snapshot};

/// How long a call waits for a token unless it says otherwise, in milliseconds.
const DEFAULT_TIMEOUT: f64 = 30_000.0;

/// Called after each step that changed something: with the snapshot if that has changed, and with an event if there is one.
///
/// It may be called inside a call of the session, so the app must have nothing borrowed that it needs there. It must not panic
/// or throw, and not hold the session strongly: both would live for ever.
pub type OnChange = Box<dyn Fn(Option<&Snapshot>, Option<&Event>)>;

/// Called with a line for each step: names, numbers and versions, never a token. It must not panic or throw.
pub type OnStep = Box<dyn Fn(&str)>;

/// The options of a [`Session`](crate::Session).
pub struct Options {
    /// Where the Guestpass endpoints are, and what relative URLs are relative to: an absolute http or https URL.
    pub base_url: JsString,
    /// Sessions of different names do not see each other; nor do those of different base URLs. Default `default`.
    pub name: JsString,
    /// Further origins (scheme, host and port) whose requests carry the token, as texts. That of the base URL always does.
    pub allowed_origins: Array,
    /// Where the session is kept. Default [`StorageKind::Local`].
    pub storage: StorageKind,
    /// What to do when the server ended the session. Default: start a fresh guest, and say so.
    pub on_identity_lost: OnIdentityLost,
    /// How long a call waits for a token, in milliseconds. Default 30 000.
    pub timeout: f64,
    /// Hears of each change. Default: nothing does.
    pub on_change: OnChange,
    /// Hears of each step, for reports of mistakes. Default: nothing does.
    pub on_step: Option<OnStep>,
    /// The class of the errors that calls are rejected with. Its constructor takes the code, the message, and an object with
    /// the `status` and `reason` of a refusal. Default: `Error`, with these as members.
    pub error_class: Option<Function>,
}

impl Options {
    /// The defaults, with the Guestpass endpoints below `base_url`.
    pub fn new(base_url: impl Into<JsString>) -> Self {
        Self {
            base_url: base_url.into(),
            name: "default".into(),
            allowed_origins: Array::new(),
            storage: StorageKind::Local,
            on_identity_lost: OnIdentityLost::Reacquire,
            timeout: DEFAULT_TIMEOUT,
            on_change: Box::new(|_, _| ()),
            on_step: None,
            error_class: None,
        }
    }
}

impl core::fmt::Debug for Options {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Options").finish_non_exhaustive()
    }
}

/// Where a session is kept.
///
/// Where the storage is blocked, full or does not respond, the session goes on in memory, and an event of type `storage`
/// says so. Where there is no browser (in Node), every storage but a `CustomStorage` means `memory`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum StorageKind {
    /// localStorage. All tabs share one session, which outlives a restart of the browser.
    Local,
    /// sessionStorage. Each tab has a session of its own, which outlives a reload. A browser copies it when a tab is
    /// duplicated; the copies then use one session without knowing of each other, which a server may take for a theft.
    Session,
    /// As `local`, in IndexedDB, which workers have, too.
    IndexedDb,
    /// Nowhere: a reload starts a fresh guest.
    Memory,
    /// A storage of the app's own.
    #[serde(skip)]
    Custom(CustomStorage),
}

#[wasm_bindgen]
extern "C" {
    /// A storage of the app's own: an object with `get(key)`, `set(key, text)` and `shared`, whose methods may answer with
    /// promises.
    #[derive(Clone, Debug)]
    #[wasm_bindgen(typescript_type = "CustomStorage")]
    pub type CustomStorage;
    #[wasm_bindgen(method, structural, catch, js_name = get)]
    pub(crate) fn load(this: &CustomStorage, key: &JsString) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, structural, catch, js_name = set)]
    pub(crate) fn store(this: &CustomStorage, key: &JsString, text: &JsString) -> Result<JsValue, JsValue>;
}
