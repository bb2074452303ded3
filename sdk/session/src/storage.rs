//! Where the record is kept. Every kind of storage holds one text under one key.

mod indexed_db;

use std::cell::RefCell;

use guestpass_core::{Input, Op, Sharing};
use js_sys::{JsString, Promise};
use wasm_bindgen::prelude::*;

use crate::js;
use crate::manager::Manager;
use crate::options::{CustomStorage, StorageKind};
use crate::reaction::Reaction;
use crate::record;

/// The storage of one session. Reads and writes take effect in the order in which they are asked for.
pub(crate) enum Storage {
    /// There is none: the session lives in this page's memory.
    Missing,
    /// localStorage or sessionStorage, which answer at once.
    Web { local: bool },
    /// A storage that answers later. `last`: the end of the operation that was asked for last. One that hangs holds up all
    /// that follow; the machine gives up on such a storage.
    Later { backend: Backend, shared: bool, last: RefCell<Promise> },
}

pub(crate) enum Backend {
    IndexedDb,
    Custom(CustomStorage),
}

impl Storage {
    /// By the option `storage`. Where there is no page (in Node, in a worker), there is no storage of a browser to be missed.
    pub(crate) fn open(kind: StorageKind) -> Self {
        let page = js::global("window").is_object();
        match kind {
            StorageKind::Local if page => Self::Web { local: true },
            StorageKind::Session if page => Self::Web { local: false },
            StorageKind::IndexedDb if page || js::global("indexedDB").is_object() => {
                Self::later(Backend::IndexedDb, true)
            }
            StorageKind::Custom(custom) => {
                let shared = js::get(&custom, "shared").is_truthy();
                Self::later(Backend::Custom(custom), shared)
            }
            _ => Self::Missing,
        }
    }

    fn later(backend: Backend, shared: bool) -> Self {
        Self::Later { backend, shared, last: RefCell::new(Promise::resolve(&JsValue::UNDEFINED)) }
    }

    pub(crate) fn sharing(&self) -> Sharing {
        match self {
            Self::Missing => Sharing::Nobody,
            Self::Web { local: true } | Self::Later { shared: true, .. } => Sharing::Tabs,
            Self::Web { local: false } | Self::Later { shared: false, .. } => Sharing::OneTab,
        }
    }
}

impl Manager {
    pub(crate) fn load(&self, op: Op) {
        self.operate(op, None);
    }

    pub(crate) fn store(&self, op: Op, record: &guestpass_core::Record) {
        self.operate(op, Some(record::encode(&self.handles, record)));
    }

    /// Reads, or writes a text.
    fn operate(&self, op: Op, text: Option<JsString>) {
        match &self.storage {
            Storage::Missing => self.feed(Input::StorageFailed { op }),
            Storage::Web { local } => {
                self.feed(match operate_at_once(*local, &self.key, text.as_ref()) {
                    Ok(_) if text.is_some() => Input::Saved { op },
                    Ok(text) => self.decode_loaded(op, &text),
                    Err(_) => Input::StorageFailed { op },
                });
            }
            Storage::Later { last, .. } => {
                let before = last.borrow().clone();
                let done = if text.is_some() { Reaction::Saved(op) } else { Reaction::Loaded(op) };
                let begun = js::then(&before, Some(self.callback(Reaction::StorageFree(text))), None);
                let failed = self.callback(Reaction::StorageFailed(op));
                let _ = last.replace(js::then(&begun, Some(self.callback(done)), Some(failed)));
            }
        }
    }

    /// The queue has come to this operation.
    pub(crate) fn operate_later(&self, text: Option<&JsString>) -> JsValue {
        let Storage::Later { backend, .. } = &self.storage else { return JsValue::UNDEFINED };
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

fn operate_at_once(local: bool, key: &JsString, text: Option<&JsString>) -> Result<JsValue, JsValue> {
    // Where cookies are blocked, there is none.
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
    /// As `web_sys::Storage`, without copying the texts, which hold tokens.
    type WebStorage;
    #[wasm_bindgen(method, catch, js_name = getItem)]
    fn get_item(this: &WebStorage, key: &JsString) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = setItem)]
    fn set_item(this: &WebStorage, key: &JsString, text: &JsString) -> Result<(), JsValue>;
}
