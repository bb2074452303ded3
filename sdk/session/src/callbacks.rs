//! The callbacks of a session: the functions that it gives to JavaScript. All are of one type, because each further type would
//! add an import, a shim and a table of functions to the module.

use std::rc::Weak;

use guestpass_core::{Input, Op};
use js_sys::JsString;
use wasm_bindgen::JsValue;
use web_sys::AbortSignal;

use crate::js::{self, JsFunction};
use crate::server_request::ServerRequest;
use crate::server_response::Head;
use crate::session_manager::SessionManager;

/// Why JavaScript calls the session.
pub(crate) enum Callback {
    /// The timer has fired.
    Tick,
    Online,
    Offline,
    /// The page will be hidden; it may enter the back/forward cache.
    Hidden,
    /// The page is shown; it may come from the back/forward cache.
    Shown,
    /// The page has become visible or invisible.
    VisibilityChanged,
    /// Another tab has sent a message.
    TabMessage,
    /// Another tab has stored something.
    StorageChanged,
    /// A caller has aborted the calls of this signal.
    Aborted(AbortSignal),
    /// The previous operation of the storage has ended. With the text to store; without one to load.
    StorageFree(Option<JsString>),
    Loaded(Op),
    Saved(Op),
    StorageFailed(Op),
    /// The browser offers the lock, or null if it is not available.
    LockOffered(Op),
    /// The first request for the lock has ended.
    LockRequestEnded(Op),
    LockFailed(Op),
    /// The further headers of a request have arrived.
    HeadersArrived(Op, ServerRequest),
    ResponseArrived(Op),
    /// The body of a response has arrived.
    BodyArrived(Op, Head),
    SendFailed(Op),
    Solved(Op),
    SolveFailed(Op),
}

/// A function for JavaScript. It does nothing when the session no longer exists.
pub(crate) fn js_function(manager: &Weak<SessionManager>, callback: Callback) -> JsFunction {
    let manager = manager.clone();
    JsFunction::new(move |value| match manager.upgrade() {
        Some(manager) => manager.handle_callback(&callback, &value),
        None => JsValue::UNDEFINED,
    })
}

impl SessionManager {
    /// Returns the return value for JavaScript: for a callback of a promise, the next promise of the chain.
    fn handle_callback(&self, callback: &Callback, value: &JsValue) -> JsValue {
        let input = match *callback {
            Callback::Tick => {
                self.timer_fired();
                Input::Tick
            }
            Callback::Online => Input::Online,
            Callback::Offline => Input::Offline,
            Callback::Hidden => {
                if self.storage.is_synchronous() {
                    self.feed(Input::Hidden);
                }
                self.close_channel();
                return JsValue::UNDEFINED;
            }
            Callback::Shown => {
                self.open_channel();
                Input::Visible
            }
            Callback::VisibilityChanged if js::get(&js::global("document"), "visibilityState") == "visible" => {
                Input::Visible
            }
            Callback::VisibilityChanged => return JsValue::UNDEFINED,
            Callback::TabMessage => match Self::decode_message(value) {
                Some(message) => Input::TabMessage(message),
                None => return JsValue::UNDEFINED,
            },
            Callback::StorageChanged => match self.decode_storage_event(value) {
                Some(message) => Input::TabMessage(message),
                None => return JsValue::UNDEFINED,
            },
            Callback::Aborted(ref signal) => {
                self.abandon(signal);
                return JsValue::UNDEFINED;
            }
            Callback::StorageFree(ref text) => return self.operate_asynchronously(text.as_ref()),
            Callback::Loaded(op) => self.decode_loaded(op, value),
            Callback::Saved(op) => Input::Saved { op },
            Callback::StorageFailed(op) => Input::StorageFailed { op },
            Callback::LockOffered(op) => return self.lock_offered(op, value),
            Callback::LockRequestEnded(op) => return self.lock_request_ended(op),
            // The lock was never granted, or the browser has taken it away.
            Callback::LockFailed(op) if self.drop_lock(op) => Input::LockUnavailable { op },
            // This session has released it.
            Callback::LockFailed(_) => return JsValue::UNDEFINED,
            Callback::HeadersArrived(op, ref request) => return self.headers_arrived(op, request, value),
            Callback::ResponseArrived(op) => return self.response_arrived(op, value),
            Callback::BodyArrived(op, head) => {
                self.request_ended(op);
                Input::Responded { op, response: head.with_body(&self.handles, value) }
            }
            Callback::SendFailed(op) => {
                self.request_ended(op);
                Input::SendFailed { op }
            }
            Callback::Solved(op) => self.solved(op, value),
            Callback::SolveFailed(op) => self.solve_failed(op, value),
        };
        self.feed(input);
        JsValue::UNDEFINED
    }
}
