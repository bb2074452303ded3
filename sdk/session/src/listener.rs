//! A listener of a page or an abort signal, which is removed when it is dropped.

use wasm_bindgen::JsCast;
use web_sys::EventTarget;

use crate::js::JsFunction;

pub(crate) struct Listener {
    target: EventTarget,
    event: &'static str,
    callback: JsFunction,
}

impl Listener {
    pub(crate) fn new(target: &EventTarget, event: &'static str, callback: JsFunction) -> Self {
        // It does not throw for these arguments.
        let _ = target.add_event_listener_with_callback(event, callback.as_ref().unchecked_ref());
        Self { target: target.clone(), event, callback }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.target.remove_event_listener_with_callback(self.event, self.callback.as_ref().unchecked_ref());
    }
}
