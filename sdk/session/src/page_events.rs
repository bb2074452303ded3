//! The events of the page or worker: online and offline, hidden and shown, and the storage.

use wasm_bindgen::prelude::*;
use web_sys::EventTarget;

use crate::callbacks::Callback;
use crate::js;
use crate::listener::Listener;
use crate::session_manager::SessionManager;

impl SessionManager {
    /// Adds the listeners that this environment has; none in Node and edge runtimes.
    pub(crate) fn listen(&self) -> Vec<Listener> {
        let mut listeners = Vec::new();
        if !js::global("addEventListener").is_function() {
            return listeners;
        }
        let scope = js::scope();
        let mut on = |target: &JsValue, event, callback| {
            let target: &EventTarget = target.unchecked_ref();
            listeners.push(Listener::new(target, event, self.js_function(callback)));
        };
        on(&scope, "online", Callback::Online);
        on(&scope, "offline", Callback::Offline);
        on(&scope, "pagehide", Callback::Hidden);
        on(&scope, "pageshow", Callback::Shown);
        let document = js::global("document");
        if document.is_object() {
            on(&document, "visibilitychange", Callback::VisibilityChanged);
        }
        if self.needs_storage_events() {
            on(&scope, "storage", Callback::StorageChanged);
        }
        listeners
    }
}
