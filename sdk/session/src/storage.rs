//! The storage of the record. Every kind of storage has one text under one key.

mod indexed_db;

use std::cell::RefCell;

use guestpass_core::{Input, Op, Sharing};
use js_sys::{JsString, Promise};
use wasm_bindgen::prelude::*;

use crate::callbacks::Callback;
use crate::js;
use crate::options::{CustomStorage, StorageKind};
use crate::record;
use crate::session_manager::SessionManager;

/// The storage of one session. Loads and stores take effect in their order.
pub(crate) enum Storage {
    /// No storage: the session is kept in memory. `asked`: another kind was asked for, which does not exist here; to the machine,
    /// that is a storage that fails.
    Missing { asked: bool },
    /// localStorage or sessionStorage, which are synchronous.
    Web { local: bool },
    /// An asynchronous storage. `last`: the end of the last operation, which the next one waits for.
    Async { backend: Backend, shared: bool, last: RefCell<Promise> },
}

pub(crate) enum Backend {
    IndexedDb,
    Custom(CustomStorage),
}

impl Storage {
    /// The storage for the option `storage`. A kind that does not exist is a fault in a worker, where IndexedDB does; in Node, a
    /// session is kept in memory.
    pub(crate) fn open(kind: StorageKind) -> Self {
        let page = js::global("window").is_object();
        match kind {
            StorageKind::Local if page => Self::Web { local: true },
            StorageKind::Session if page => Self::Web { local: false },
            StorageKind::IndexedDb if page || js::global("indexedDB").is_object() => {
                Self::asynchronous(Backend::IndexedDb, true)
            }
            StorageKind::Custom(custom) => {
                let shared = js::get(&custom, "shared").is_truthy();
                Self::asynchronous(Backend::Custom(custom), shared)
            }
            StorageKind::Memory => Self::Missing { asked: false },
            _ => Self::Missing { asked: js::global("indexedDB").is_object() },
        }
    }

    fn asynchronous(backend: Backend, shared: bool) -> Self {
        Self::Async { backend, shared, last: RefCell::new(Promise::resolve(&JsValue::UNDEFINED)) }
    }

    pub(crate) fn sharing(&self) -> Sharing {
        match self {
            Self::Missing { asked: false } => Sharing::InMemory,
            Self::Web { local: true } | Self::Async { shared: true, .. } => Sharing::Tabs,
            Self::Missing { asked: true } | Self::Web { local: false } | Self::Async { shared: false, .. } => {
                Sharing::OneTab
            }
        }
    }

    /// Whether a kind of storage was asked for that does not exist here.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { asked: true })
    }

    /// Whether a load or store is complete when it returns, also while the page is being closed.
    pub(crate) fn is_synchronous(&self) -> bool {
        matches!(self, Self::Web { .. })
    }

    /// The last operation does not respond: later ones start without it.
    pub(crate) fn forget_operation(&self) {
        if let Self::Async { last, .. } = self {
            let _ = last.replace(Promise::resolve(&JsValue::UNDEFINED));
        }
    }
}

impl SessionManager {
    pub(crate) fn load(&self, op: Op) {
        self.operate(op, None);
    }

    pub(crate) fn store(&self, op: Op, record: &guestpass_core::Record) {
        self.operate(op, Some(record::encode(&self.handles, record)));
    }

    /// Stores a text, or loads the stored one.
    fn operate(&self, op: Op, text: Option<JsString>) {
        match &self.storage {
            Storage::Missing { .. } => self.feed(Input::StorageFailed { op }),
            Storage::Web { local } => {
                self.feed(match operate_synchronously(*local, &self.key, text.as_ref()) {
                    Ok(_) if text.is_some() => Input::Saved { op },
                    Ok(text) => self.decode_loaded(op, &text),
                    Err(_) => Input::StorageFailed { op },
                });
            }
            Storage::Async { last, .. } => {
                let previous = last.borrow().clone();
                let done = if text.is_some() { Callback::Saved(op) } else { Callback::Loaded(op) };
                let begun = js::then(&previous, Some(self.js_function(Callback::StorageFree(text))), None);
                let failed = self.js_function(Callback::StorageFailed(op));
                let _ = last.replace(js::then(&begun, Some(self.js_function(done)), Some(failed)));
            }
        }
    }

    /// The previous operation has ended: starts this one.
    pub(crate) fn operate_asynchronously(&self, text: Option<&JsString>) -> JsValue {
        let Storage::Async { backend, .. } = &self.storage else { return JsValue::UNDEFINED };
        let begun = match (backend, text) {
            (Backend::IndexedDb, _) => indexed_db::operate(&self.key, text),
            (Backend::Custom(custom), None) => custom.load(&self.key),
            (Backend::Custom(custom), Some(text)) => custom.store(&self.key, text),
        };
        begun.unwrap_or_else(|error| Promise::reject(&error).into())
    }

    pub(crate) fn decode_loaded(&self, op: Op, text: &JsValue) -> Input {
        let stored = record::decode(&self.handles, text);
        stored.map_or(Input::StorageFailed { op }, |stored| Input::Loaded { op, stored })
    }
}

fn operate_synchronously(local: bool, key: &JsString, text: Option<&JsString>) -> Result<JsValue, JsValue> {
    // Missing if the visitor has blocked cookies.
    let storage = js::global(if local { "localStorage" } else { "sessionStorage" });
    if !storage.is_object() {
        return Err(storage);
    }
    let storage: WebStorage = storage.unchecked_into();
    match text {
        Some(text) => storage.set_item(key, text).map(|()| JsValue::UNDEFINED),
        None => storage.get_item(key),
    }
}

#[wasm_bindgen]
extern "C" {
    /// Like `web_sys::Storage`, without copies of the texts, which contain tokens.
    type WebStorage;
    #[wasm_bindgen(method, catch, js_name = getItem)]
    fn get_item(this: &WebStorage, key: &JsString) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = setItem)]
    fn set_item(this: &WebStorage, key: &JsString, text: &JsString) -> Result<(), JsValue>;
}
