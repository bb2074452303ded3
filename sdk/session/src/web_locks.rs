//! Web Locks: one exclusive lock for all tabs of a session.

use guestpass_core::{Input, Op};
use js_sys::{Function, JsString, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::AbortController;

use crate::js;
use crate::manager::Manager;
use crate::reaction::Reaction;

#[wasm_bindgen]
extern "C" {
    /// web-sys has it behind `web_sys_unstable_apis`, a flag of the whole build.
    #[derive(Clone)]
    pub(crate) type LockManager;
    #[wasm_bindgen(method, catch)]
    fn request(this: &LockManager, name: &JsString, options: &JsValue, granted: &JsValue) -> Result<Promise, JsValue>;
}

/// The locks that are held or asked for: one at most, but for a moment.
#[derive(Default)]
pub(crate) struct WebLocks(Vec<WebLock>);

/// A lock that is held or asked for. When it is dropped, it is released, or no longer asked for.
struct WebLock {
    op: Op,
    /// Another tab had the lock when it was first asked for.
    contended: bool,
    locks: LockManager,
    /// What the browser holds the lock for.
    held: Promise,
    release: Function,
    asking: AbortController,
}

impl WebLocks {
    fn find(&mut self, op: Op) -> Option<&mut WebLock> {
        self.0.iter_mut().find(|lock| lock.op == op)
    }
}

impl WebLock {
    /// `None` where there are no locks.
    fn new(op: Op) -> Option<Self> {
        let locks = js::get(&js::global("navigator"), "locks");
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
            asking: AbortController::new().ok()?,
        })
    }
}

impl Drop for WebLock {
    fn drop(&mut self) {
        let _ = self.release.call1(&JsValue::UNDEFINED, &JsValue::UNDEFINED);
        self.asking.abort();
    }
}

impl Manager {
    pub(crate) fn take_lock(&self, op: Op) {
        let Some(lock) = WebLock::new(op) else { return self.feed(Input::LockUnavailable { op }) };
        self.locks.borrow_mut().0.push(lock);
        let asked = js::then(&self.ask_for_lock(op), Some(self.callback(Reaction::LockAsked(op))), None);
        let _ = js::then(&asked, None, Some(self.callback(Reaction::LockFailed(op))));
    }

    /// Releases the lock, or no longer asks for it. False where that had happened already.
    pub(crate) fn drop_lock(&self, op: Op) -> bool {
        let mut locks = self.locks.borrow_mut();
        let index = locks.0.iter().position(|lock| lock.op == op);
        let dropped = index.map(|index| locks.0.swap_remove(index));
        // To drop it calls JavaScript, while nothing may be borrowed.
        drop(locks);
        dropped.is_some()
    }

    /// The browser calls with the lock, or with null where it is not available. It holds the lock for as long as the
    /// promise is pending that this returns.
    pub(crate) fn lock_offered(&self, op: Op, lock: &JsValue) -> JsValue {
        let mut locks = self.locks.borrow_mut();
        let Some(asking) = locks.find(op) else { return JsValue::UNDEFINED };
        if lock.is_null() {
            asking.contended = true;
            return JsValue::UNDEFINED;
        }
        let (contended, held) = (asking.contended, asking.held.clone());
        drop(locks);
        self.feed(Input::LockGranted { op, contended });
        held.into()
    }

    /// The first request for the lock is over. Where the lock was not available, there is a second one.
    pub(crate) fn lock_asked_for(&self, op: Op) -> JsValue {
        let contended = self.locks.borrow_mut().find(op).is_some_and(|lock| lock.contended);
        if contended { self.ask_for_lock(op).into() } else { JsValue::UNDEFINED }
    }

    /// Asks for the lock: first if it is available, and then in the queue.
    fn ask_for_lock(&self, op: Op) -> Promise {
        let mut locks = self.locks.borrow_mut();
        let Some(WebLock { contended, locks: api, asking, .. }) = locks.find(op) else {
            return Promise::resolve(&JsValue::UNDEFINED);
        };
        // Of its two options, a request takes one.
        let (name, value) =
            if *contended { ("signal", asking.signal().into()) } else { ("ifAvailable", JsValue::TRUE) };
        let api = api.clone();
        drop(locks);
        let options = Object::new();
        let _ = Reflect::set(&options, &name.into(), &value);
        let offered = self.callback(Reaction::LockOffered(op));
        let asked = api.request(&self.key, &options, &offered.into_js_value());
        asked.unwrap_or_else(|error| Promise::reject(&error))
    }
}
