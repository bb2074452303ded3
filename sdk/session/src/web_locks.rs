//! Web Locks: one exclusive lock for all tabs of a session.

use guestpass_core::{Input, Op};
use js_sys::{Function, JsString, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

use crate::callbacks::Callback;
use crate::js;
use crate::session_manager::SessionManager;

#[wasm_bindgen]
extern "C" {
    /// web-sys has this type only with `web_sys_unstable_apis`, a flag of the whole build.
    #[derive(Clone)]
    pub(crate) type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &JsString, options: &JsValue, granted: &JsValue) -> Result<Promise, JsValue>;
}

/// The locks that are held or requested: one, except for a moment when one replaces another.
#[derive(Default)]
pub(crate) struct WebLocks(Vec<WebLock>);

/// A lock that is held or requested. Dropping it releases the lock, or ends the request for it.
struct WebLock {
    op: Op,
    /// Another tab had the lock at the first request.
    contended: bool,
    locks: LockManager,
    /// While this promise is pending, the browser holds the lock.
    held: Promise,
    release: Function,
    /// Ends the request for the lock.
    withdrawal: AbortController,
}

impl WebLocks {
    fn find(&mut self, op: Op) -> Option<&mut WebLock> {
        self.0.iter_mut().find(|lock| lock.op == op)
    }
}

impl WebLock {
    /// `None` where there is no Web Locks API. An early login grants the lock that it holds, and passes other requests on.
    fn new(op: Op, early_login: JsValue) -> Option<Self> {
        let locks = if early_login.is_object() { early_login } else { js::get(&js::global("navigator"), "locks") };
        if !locks.is_object() {
            return None;
        }
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        Some(Self {
            op,
            contended: false,
            locks: locks.unchecked_into(),
            held,
            release: release?,
            withdrawal: AbortController::new().ok()?,
        })
    }
}

impl Drop for WebLock {
    fn drop(&mut self) {
        let _ = self.release.call1(&JsValue::UNDEFINED, &JsValue::UNDEFINED);
        self.withdrawal.abort();
    }
}

impl SessionManager {
    pub(crate) fn take_lock(&self, op: Op) {
        let Some(lock) = WebLock::new(op, self.early_login()) else { return self.feed(Input::LockUnavailable { op }) };
        self.locks.borrow_mut().0.push(lock);
        let first = self.request_lock(op);
        let requested = js::then(&first, Some(self.js_function(Callback::LockRequestEnded(op))), None);
        let _ = js::then(&requested, None, Some(self.js_function(Callback::LockFailed(op))));
    }

    /// The object of the inline script of an early login (`npm/snippet/early-login.ts`), which holds the lock and has sent the
    /// first request; undefined without one.
    pub(crate) fn early_login(&self) -> JsValue {
        let found = Reflect::get(&js::scope(), &self.key).unwrap_or_default();
        // Not an element of the page that has this name as its id.
        if js::get(&found, "fetch").is_function() { found } else { JsValue::UNDEFINED }
    }

    /// Releases the lock, or ends the request for it. False if that had happened before.
    pub(crate) fn drop_lock(&self, op: Op) -> bool {
        let mut locks = self.locks.borrow_mut();
        let index = locks.0.iter().position(|lock| lock.op == op);
        let dropped = index.map(|index| locks.0.swap_remove(index));
        // Dropping the lock calls JavaScript: no cell may be borrowed.
        drop(locks);
        dropped.is_some()
    }

    /// The browser calls this with the lock, or with null if it is not available. It holds the lock while the returned promise
    /// is pending.
    pub(crate) fn lock_offered(&self, op: Op, lock: &JsValue) -> JsValue {
        let mut locks = self.locks.borrow_mut();
        let Some(requested) = locks.find(op) else { return JsValue::UNDEFINED };
        if lock.is_null() {
            requested.contended = true;
            return JsValue::UNDEFINED;
        }
        let (contended, held) = (requested.contended, requested.held.clone());
        drop(locks);
        self.feed(Input::LockGranted { op, contended });
        held.into()
    }

    /// The first request for the lock has ended. If the lock was not available, a second one follows.
    pub(crate) fn lock_request_ended(&self, op: Op) -> JsValue {
        let contended = self.locks.borrow_mut().find(op).is_some_and(|lock| lock.contended);
        if contended { self.request_lock(op).into() } else { JsValue::UNDEFINED }
    }

    /// Requests the lock: first with `ifAvailable`, then in the queue.
    fn request_lock(&self, op: Op) -> Promise {
        let mut locks = self.locks.borrow_mut();
        let Some(WebLock { contended, locks: api, withdrawal, .. }) = locks.find(op) else {
            return Promise::resolve(&JsValue::UNDEFINED);
        };
        // A request accepts only one of these two options.
        let (name, value) =
            if *contended { ("signal", js::get(withdrawal, "signal")) } else { ("ifAvailable", JsValue::TRUE) };
        let api = api.clone();
        drop(locks);
        let options = Object::new();
        js::set(&options, name, value);
        let offered = self.js_function(Callback::LockOffered(op));
        let requested = api.request(&self.key, &options, &offered.into_js_value());
        requested.unwrap_or_else(|error| Promise::reject(&error))
    }
}
