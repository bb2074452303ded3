//! What JavaScript calls back for. All callbacks of a session are of one kind, since each kind would weigh an import, a shim
//! and a table of functions.

use std::rc::Weak;

use guestpass_core::{Input, Op, WaiterId};
use js_sys::JsString;
use wasm_bindgen::JsValue;

use crate::js::{self, Callback};
use crate::manager::Manager;
use crate::server_response::Head;

/// What a callback means for the session.
pub(crate) enum Reaction {
    /// The timer has fired.
    Tick,
    Online,
    Offline,
    /// The page is about to be hidden, perhaps for the back/forward cache.
    Hidden,
    /// The page is shown, perhaps out of the back/forward cache.
    Shown,
    /// The page has become visible or invisible.
    VisibilityChanged,
    /// Another tab has sent a message.
    TabMessage,
    /// Another tab has stored something.
    StorageChanged,
    /// The caller has aborted a call.
    Aborted(WaiterId),
    /// The operation before this one on the storage has ended.
    StorageFree(Option<JsString>),
    Loaded(Op),
    Saved(Op),
    StorageFailed(Op),
    /// The browser offers the lock, or null where it is not available.
    LockOffered(Op),
    /// The first request for the lock is over.
    LockAsked(Op),
    LockFailed(Op),
    ResponseArrived(Op),
    /// The body of a response has arrived.
    BodyArrived(Op, Head),
    SendFailed(Op),
}

/// A function for JavaScript that does nothing once the session is gone.
pub(crate) fn callback(manager: &Weak<Manager>, reaction: Reaction) -> Callback {
    let manager = manager.clone();
    Callback::new(move |value| match manager.upgrade() {
        Some(manager) => manager.react(&reaction, &value),
        None => JsValue::UNDEFINED,
    })
}

impl Manager {
    /// Answers with what JavaScript takes as the outcome: of a promise's callback, another promise perhaps.
    fn react(&self, reaction: &Reaction, value: &JsValue) -> JsValue {
        let input = match *reaction {
            Reaction::Tick => {
                self.timer_fired();
                Input::Tick
            }
            Reaction::Online => Input::Online,
            Reaction::Offline => Input::Offline,
            Reaction::Hidden => {
                self.close_channel();
                return JsValue::UNDEFINED;
            }
            Reaction::Shown => {
                self.open_channel();
                Input::Visible
            }
            Reaction::VisibilityChanged if js::get(&js::global("document"), "visibilityState") == "visible" => {
                Input::Visible
            }
            Reaction::VisibilityChanged => return JsValue::UNDEFINED,
            Reaction::TabMessage => match self.decode_message(value) {
                Some(news) => Input::TabMessage(news),
                None => return JsValue::UNDEFINED,
            },
            Reaction::StorageChanged => match self.decode_storage_event(value) {
                Some(news) => Input::TabMessage(news),
                None => return JsValue::UNDEFINED,
            },
            Reaction::Aborted(waiter) => Input::Abandon { waiter },
            Reaction::StorageFree(ref text) => return self.operate_later(text.as_ref()),
            Reaction::Loaded(op) => self.decode_loaded(op, value),
            Reaction::Saved(op) => Input::Saved { op },
            Reaction::StorageFailed(op) => Input::StorageFailed { op },
            Reaction::LockOffered(op) => return self.lock_offered(op, value),
            Reaction::LockAsked(op) => return self.lock_asked_for(op),
            // Never granted, or taken away.
            Reaction::LockFailed(op) if self.drop_lock(op) => Input::LockUnavailable { op },
            // Released by this session.
            Reaction::LockFailed(_) => return JsValue::UNDEFINED,
            Reaction::ResponseArrived(op) => return self.response_arrived(op, value),
            Reaction::BodyArrived(op, head) => {
                self.request_ended(op);
                Input::Responded { op, answer: head.with_body(&self.handles, value) }
            }
            Reaction::SendFailed(op) => {
                self.request_ended(op);
                Input::SendFailed { op }
            }
        };
        self.feed(input);
        JsValue::UNDEFINED
    }
}
