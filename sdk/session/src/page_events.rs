//! What the session hears of its page or worker.

use wasm_bindgen::prelude::*;
use web_sys::EventTarget;

use crate::js;
use crate::listener::Listener;
use crate::manager::Manager;
use crate::reaction::Reaction;

impl Manager {
    /// Listens to what there is to listen to; in Node and at the edge, that is nothing.
    pub(crate) fn listen(&self) -> Vec<Listener> {
        let mut listeners = Vec::new();
        if !js::global("addEventListener").is_function() {
            return listeners;
        }
        let scope = js::scope();
        let mut on = |target: &JsValue, event, reaction| {
            let target: &EventTarget = target.unchecked_ref();
            listeners.push(Listener::new(target, event, self.callback(reaction)));
        };
        on(&scope, "online", Reaction::Online);
        on(&scope, "offline", Reaction::Offline);
        on(&scope, "pagehide", Reaction::Hidden);
        on(&scope, "pageshow", Reaction::Shown);
        let document = js::global("document");
        if document.is_object() {
            on(&document, "visibilitychange", Reaction::VisibilityChanged);
        }
        if self.needs_storage_events() {
            on(&scope, "storage", Reaction::StorageChanged);
        }
        listeners
    }
}
